"""report.md: a quantisation for a reader who was not there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from detquant.report import sheets
from detquant.report.remarks import picture_remark, remarks, slower, warnings
from detquant.report.sheets import Sheet


def to_markdown(report: Mapping[str, Any]) -> str:
    """The whole report.

    Args:
        report: as `detquant.quantize` makes it.

    Returns:
        Markdown text that ends in a newline.
    """
    tables = [sheets.comparison(report), sheets.agreement(report), sheets.worst_tensors(report)]
    kept = sheets.kept_float(dict(Counter(report.get("kept_float", {}).values()).most_common()))
    parts = [
        f"# {_escape(str(report['model']))}, quantised",
        _bullets(remarks(report)),
        _section("Warnings", warnings(report)),
        *(_table(sheet) for sheet in (*tables, kept, sheets.files(report), _origin(report)) if sheet is not None),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def demo_to_markdown(figures: Mapping[str, Any]) -> str:
    """The demo's report.

    Args:
        figures: as `detquant.pipeline.demo` makes them.

    Returns:
        Markdown text that ends in a newline.
    """
    picture, sheet = figures["picture"], sheets.demo(figures)
    parts = [
        f"# {_escape(figures['model'])} in float, naively quantised, and by detquant",
        _table(sheet),
        f"![{_escape(sheet.title)}]({picture['file']})",
        _bullets([*figures["notes"], picture_remark(picture)]),
        _section("Warnings", warnings(figures)),
        _table(_origin(figures)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def workflow_to_markdown(figures: Mapping[str, Any]) -> str:
    """The report of a workflow.

    Args:
        figures: as `detquant.pipeline.workflow` makes them.

    Returns:
        Markdown text that ends in a newline.
    """
    parts = [f"# {_escape(figures['workflow'])}", _escape(figures["description"])]
    for model in figures["models"]:
        parts.append(_table(sheets.workflow(figures, model)))
        parts.append(_bullets([*model["notes"], *slower(model), *warnings(model)]))
        written = [path for row in model["rows"] for path in row["files"]]
        parts.append(_bullets(["Written: " + ", ".join([*written, *model["predictions"]])]))
    return "\n\n".join(part for part in parts if part) + "\n"


def _origin(report: Mapping[str, Any]) -> Sheet:
    """What is needed to make the result again."""
    calibration = report.get("calibration") or {"images": report.get("calibration_images")}
    rows = [
        ("detquant", report.get("detquant_version")),
        ("onnxruntime", report.get("onnxruntime_version")),
        ("recipe", report.get("recipe")),
        ("target", report.get("target")),
        ("family", report.get("family_reason") or report.get("family")),
        ("seed", report.get("seed")),
        ("sha256 of the model", report.get("model_sha256")),
        ("digest of the plan", report.get("plan_digest")),
        ("calibration images", calibration.get("images")),
        ("calibration seconds", _rounded(calibration.get("seconds"))),
        ("peak memory, MB", _rounded(calibration.get("peak_rss_mb"))),
    ]
    known = [(label, str(value)) for label, value in rows if value is not None]
    return Sheet("Origin", ("", "value"), known, False)


def _table(sheet: Sheet) -> str:
    rule = ["---", *(["---:" if sheet.numeric else "---"] * (len(sheet.header) - 1))]
    rows = [sheet.header, rule, *sheet.rows]
    lines = ["| " + " | ".join(_escape(cell) or " " for cell in row) + " |" for row in rows]
    return f"## {_escape(sheet.title)}\n\n" + "\n".join(lines)


def _section(title: str, sentences: Iterable[str]) -> str:
    text = _bullets(sentences)
    return f"## {title}\n\n{text}" if text else ""


def _bullets(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {_escape(sentence)}" for sentence in sentences)


def _escape(text: str) -> str:
    """What Markdown would take for its own."""
    for mark in "\\|*_<":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
