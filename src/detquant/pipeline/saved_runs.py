"""Runs read back from what they left: their reports and pictures, whatever the files say and wherever they point."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from detquant.errors import ReportError
from detquant.pipeline.outputs import REPORT, WORKFLOW_REPORT
from detquant.report.html import Run, kind_of, runs_to_html, wanted
from detquant.report.pictures import distinct
from detquant.report.project import Project
from detquant.report.report import Report
from detquant.report.saved import project_of, report_of
from detquant.report.shortening import shortened
from detquant.untrusted import is_file, parse_json, read_bytes, read_text

MOST_FIGURES = 32 * 2**20
"""Bytes of figures that are read; runs leave hundreds of thousands."""
MOST_PICTURE = 4 * 2**20
"""Bytes of a picture that is read; one that is larger has no place on a page anyway."""
MOST_PICTURES = 64
"""Pictures of a report that are read."""
MOST_RUNS = 24
"""Runs that stand side by side on a page."""
LARGEST = 2**63
"""Whole numbers from which a file is not believed: no size, count or product of a network comes near."""


def report_page(sources: Sequence[str | os.PathLike[str]]) -> str:
    """The page of runs that were saved, side by side where there are several.

    Args:
        sources: folders that a run has written, or files of figures: report.json, workflow.json, what `--json` wrote.

    Returns:
        HTML of one file.

    Raises:
        ReportError: one of them is no run, in a sentence.
    """
    if len(sources) > MOST_RUNS:
        raise ReportError(f"{len(sources)} runs are too many for one page: name {MOST_RUNS} of them at most.")
    runs = [run for source in sources for run in read_runs(source)]
    if not runs:
        raise ReportError(
            "There is no run to show: name a folder that detquant quantize, demo or workflow has written."
        )
    if len(runs) > MOST_RUNS:
        raise ReportError(f"These are {len(runs)} runs, too many for one page: name fewer than {MOST_RUNS}.")
    return page_of(runs)


def page_of(runs: Sequence[Run]) -> str:
    """The page of runs: of one under the name of its model, of several under all their titles, each of them once."""
    titles = distinct([run.title for run in runs])
    named = [replace(run, title=title) for title, run in zip(titles, runs, strict=True)]
    return runs_to_html(named, named[0].report.model if len(named) == 1 else ", ".join(titles))


def read_runs(source: str | os.PathLike[str]) -> list[Run]:
    """The reports of a folder or a file, with the pictures that lie beside them.

    Args:
        source: see `report_page`.

    Raises:
        ReportError: it is no run.
    """
    file = figures_file(Path(source))
    figures = _read(file)
    try:
        if "models" in figures:
            return runs_of(project_of(figures), file.parent)
        report = report_of(figures)
    except (ValueError, OverflowError) as error:
        raise ReportError(f"'{file}' is not the report of a run: {error}. {_WHAT}") from error
    title = file.parent.resolve().name if file.name == REPORT else file.stem
    return [Run(title=title, report=report, pictures=pictures_of(report, file.parent))]


def runs_of(project: Project, folder: Path) -> list[Run]:
    """The reports of a workflow, with the pictures that it has written.

    Args:
        project: what it found.
        folder: folder of its results.
    """
    return [
        Run(title=f"{project.name}: {one.model}", report=one, pictures=pictures_of(one, folder))
        for one in project.models
    ]


_WHAT = "Name a folder that detquant quantize, demo or workflow has written, or the JSON of a run."


def figures_file(source: Path) -> Path:
    """The file that holds the figures of a run.

    Args:
        source: a folder that a run has written, or that file itself.

    Raises:
        ReportError: there is none.
    """
    if is_file(source):
        return source
    found = next((source / name for name in (REPORT, WORKFLOW_REPORT) if is_file(source / name)), None)
    if found is not None:
        return found
    there = os.path.isdir(source)
    why = f"'{source}' has no {REPORT} and no {WORKFLOW_REPORT}" if there else f"'{source}' does not exist"
    raise ReportError(f"{why}: there is no run to show. {_WHAT}")


def _read(file: Path) -> dict[str, Any]:
    """The figures in a file that a page can show, none of their numbers too large to be one."""
    try:
        figures = parse_json(read_text(file, MOST_FIGURES))
        shown = shortened(figures) if isinstance(figures, dict) else {}
        _require_believable(shown)
    except OSError as error:
        raise ReportError(f"'{file}' cannot be read: {error.strerror or error}. {_WHAT}") from error
    except ValueError as error:
        raise ReportError(f"'{file}' is not the report of a run: {error}. {_WHAT}") from error
    if not isinstance(figures, dict):
        raise ReportError(f"'{file}' is not the report of a run: it is no JSON object. {_WHAT}")
    return shown


def _require_believable(value: Any) -> None:
    """Refuses whole numbers that no float holds: they would end arithmetic on them with an error of its own."""
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, dict):
            stack.extend(one.values())
        elif isinstance(one, list):
            stack.extend(one)
        elif isinstance(one, int) and not -LARGEST < one < LARGEST:
            raise ValueError("it has a whole number of more than 64 bits")


def pictures_of(report: Report, folder: Path) -> dict[str, bytes]:
    """The pictures that a report names, as far as they are pictures, and lie within the folder of the run."""
    home, found = folder.resolve(), dict[str, bytes]()
    for name in wanted(report)[:MOST_PICTURES]:
        try:
            file = (home / name).resolve()
            if not file.is_relative_to(home):
                continue
            content = read_bytes(file, MOST_PICTURE)
        except (
            OSError,
            ValueError,
        ):  # it was moved away, or is no name of a file: the page says that it has no picture
            continue
        if kind_of(content):
            found[name] = content
    return found
