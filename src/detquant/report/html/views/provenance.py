"""By what a result can be made again: command, seed, digests, processor, versions, calibration images."""

from __future__ import annotations

from collections.abc import Iterator

from detquant.report.html.markup import Child, Markup, element, joined
from detquant.report.html.scope import Scope
from detquant.report.html.tables import Cell, Column, table
from detquant.report.html.words import bullets, code, facts, folded, plural
from detquant.report.report import Report
from detquant.report.verdict import focus

MOST_NAMES = 2000
"""Calibration images that are named."""


def provenance(report: Report, scope: Scope) -> Markup:
    """Facts, files, versions, calibration images."""
    known = report.evidence.provenance if report.evidence else None
    names = known.calibration if known else ()
    packages = {**report.versions, **(known.packages if known else {})}
    return joined(
        (
            element("pre", element("code", known.command), tabindex=0) if known and known.command else None,
            facts(_facts(report), "facts long"),
            _files(report),
            table(
                "Versions",
                [Column(title="distribution", numeric=False), Column(title="version", numeric=False)],
                [[name, version] for name, version in sorted(packages.items())],
            )
            if packages
            else None,
            folded(plural(len(names), "calibration image"), bullets(names[:MOST_NAMES], "names"), opened=False)
            if names
            else None,
        )
    )


def _facts(report: Report) -> Iterator[tuple[str, Child]]:
    """Names and values of what is known."""
    row = focus(report)
    made = row.quantization if row else None
    took = made.calibration if made else None
    known = report.evidence.provenance if report.evidence else None
    yield from (
        (name, value)
        for name, value in (
            ("model", report.model),
            ("sha256 of the model", code(report.model_sha256)),
            ("family", report.family_reason or report.family),
            ("fed and read as", report.reading),
            ("recipe", made.recipe if made else report.recipe),
            ("target", report.target or (row.target if row else None)),
            ("data", f"{report.data}, {plural(report.images, 'image')} measured"),
            ("sha256 of the data", code(known.data_sha256) if known and known.data_sha256 else None),
            ("seed", str(report.seed) if report.seed is not None else None),
            ("calibration", _calibration(report, took.seconds, took.peak_rss_mb) if took else None),
            ("digest of the plan", code(made.plan_digest) if made and made.plan_digest else None),
            ("threads", str(report.threads)),
            ("processor", known.processor if known else None),
            ("instruction sets", ", ".join(known.instructions) or "none that matter here" if known else None),
            ("system", known.system if known and known.system else None),
        )
        if value is not None
    )
    if known is None:
        yield "not kept", "the command, the processor and the calibration images of this run"


def _calibration(report: Report, seconds: float, memory: float) -> str:
    count = f"{plural(report.calibration_images, 'image')} asked for, " if report.calibration_images is not None else ""
    return f"{count}{seconds:.1f} s with the recipe's steps, at most {memory:.0f} MB of memory"


def _files(report: Report) -> Markup | None:
    """The files of all models."""
    rows: list[list[Cell | str]] = [
        [
            one.name,
            row.title,
            Cell(shown=f"{one.size_bytes:,}", value=one.size_bytes),
            Cell(shown=code(one.sha256), value=one.sha256),
        ]
        for row in report.rows
        for one in row.files
    ]
    if not rows:
        return None
    columns = [
        Column(title="file", numeric=False),
        Column(title="model", numeric=False),
        Column(title="bytes"),
        Column(title="sha256", numeric=False),
    ]
    return table("Files", columns, rows)
