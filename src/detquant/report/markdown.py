"""report.md: a quantisation for a reader who was not there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from detquant.report import sheets
from detquant.report.project import Project
from detquant.report.remarks import picture_remark, report_remarks, report_warnings, workflow_remarks
from detquant.report.report import Report
from detquant.report.row import Row
from detquant.report.sheets import Sheet
from detquant.report.untimed import why_untimed


def to_markdown(report: Report) -> str:
    """The report of a quantisation.

    Args:
        report: about one row, as `detquant.quantize` makes it.

    Returns:
        Markdown text that ends in a newline.
    """
    row = report.subject
    parts = [
        f"# {_escape(report.model)}, quantised",
        _bullets([*report_remarks(report), *why_untimed([report])]),
        _section("Warnings", report_warnings(report)),
        *(_table(sheet) for sheet in (_sheets(report, row) if row else ()) if sheet is not None),
        _table(_origin(report, row)),
    ]
    return _joined(parts)


def demo_to_markdown(report: Report) -> str:
    """Writes the demo's report as Markdown.

    Args:
        report: a report as `detquant.pipeline.demo` makes it, with a picture.

    Returns:
        Markdown text that ends in a newline.
    """
    picture, sheet = report.picture, sheets.demo(report)
    parts = [
        f"# {_escape(report.model)} in float, naively quantised, and by detquant",
        _table(sheet),
        f"![{_escape(sheet.title)}]({picture.file})" if picture else "",
        _bullets([*report_remarks(report), *([picture_remark(picture)] if picture else [])]),
        _section("Warnings", report_warnings(report)),
        _table(_origin(report)),
    ]
    return _joined(parts)


def workflow_to_markdown(project: Project) -> str:
    """The report of a workflow.

    Returns:
        Markdown text that ends in a newline.
    """
    parts = [f"# {_escape(project.name)}", _escape(project.description)]
    for report in project.models:
        parts.append(_table(sheets.workflow(report)))
        parts.append(_bullets([*workflow_remarks(report), *why_untimed([report]), *report_warnings(report)]))
        written = [file.name for row in report.rows for file in row.files]
        parts.append(_bullets(["Written: " + ", ".join([*written, *report.predictions])]))
    return _joined(parts)


def _sheets(report: Report, row: Row) -> list[Sheet | None]:
    """The tables about one row."""
    reasons = row.quantization.kept_float.values() if row.quantization else ()
    return [
        sheets.comparison(report, row),
        sheets.agreement(row),
        sheets.steps(report),
        sheets.worst_tensors(row),
        *sheets.curves(row),
        sheets.tried(report),
        sheets.widths(report.widths),
        sheets.kept_float(dict(Counter(reasons).most_common())),
        sheets.files(row),
    ]


def _origin(report: Report, row: Row | None = None) -> Sheet:
    """The facts by which a result can be made again: that of one row, or of all of them."""
    made = row.quantization if row else None
    took = made.calibration if made else None
    facts = {
        **report.versions,
        "recipe": made.recipe if made else None,
        "target": row.target if row else None,
        "family": (report.family_reason or report.family) if row else None,
        "seed": report.seed,
        "sha256 of the model": report.model_sha256,
        "digest of the plan": made.plan_digest if made else None,
        "calibration images": took.images if took else report.calibration_images,
        "calibration seconds": round(took.seconds, 1) if took else None,
        "peak memory, MB": round(took.peak_rss_mb, 1) if took else None,
    }
    known = [(label, str(value)) for label, value in facts.items() if value is not None]
    return Sheet("Origin", ("", "value"), known, False)


def _joined(parts: Iterable[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


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
    """Escapes characters that Markdown would take for its own."""
    for mark in "\\|*_<":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())
