"""Reports read back from the figures that were made of them, so that they can be shown again.

`Report.figures` writes what the commands have written since their first day, so what belongs together in the types lies
apart there: here it is put together again. A file may say anything, so each value is looked at (`of_plain`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detquant.evaluation.scorers import MEASURES
from detquant.evaluation.thresholds import KEEPS
from detquant.report.plain_values import of_plain
from detquant.report.project import Project
from detquant.report.report import Report

VERSION = "_version"
"""End of a key that holds the version of a distribution."""


def report_of(figures: object) -> Report:
    """The report that these figures were made of.

    Args:
        figures: what `Report.figures` gave, as JSON gives it back.

    Raises:
        ValueError: they are not; a sentence without its full stop.
    """
    return _looked_at(of_plain(Report, _report(figures), "the report"))


def project_of(figures: object) -> Project:
    """The report of a workflow from its JSON.

    Raises:
        ValueError: the figures are not `Project.figures`.
    """
    given = _object(figures)
    models = [_report(one) for one in _list(given.get("models"))]
    found = of_plain(Project, {**given, "name": given.get("workflow"), "models": models}, "the report")
    for report in found.models:
        _looked_at(report)
    return found


def _looked_at(report: Report) -> Report:
    """The report, whose words that stand for a choice are of those that there are."""
    told = report.evidence.thresholds if report.evidence else None
    if told is not None and told.by not in KEEPS:
        raise ValueError(f"its thresholds keep {told.by[:40]!r} and not one of {', '.join(KEEPS)}")
    return report


def _report(figures: object) -> dict[str, Any]:
    given = _object(figures)
    rows = [_row(_object(row), given) for row in _list(given.get("rows"))]
    if not rows:
        raise ValueError("the report has no rows")
    versions = {key.removesuffix(VERSION): value for key, value in given.items() if key.endswith(VERSION)}
    return {**given, "rows": rows, "notes": given.get("noted"), "versions": versions}


def _row(row: Mapping[str, Any], report: Mapping[str, Any]) -> dict[str, Any]:
    """A row; what was decided for the one that the report is about stands in the report."""
    task = report.get("task")
    measures = MEASURES[task] if isinstance(task, str) and task in MEASURES else ()
    decided = report if row.get("name") == report.get("about") is not None else row
    return {
        **row,
        "accuracy": {name: row[name] for name in measures if row.get(name) is not None} or None,
        "agreement": row.get("agreed"),
        "files": [{**_object(one), "name": _object(one).get("file")} for one in _list(row.get("written"))],
        "notes": row.get("noted"),
        "quantization": {**decided, "share": decided.get("int8")} if "engine" in decided else None,
    }


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"there is {str(value)[:40]!r} where an object is expected")
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"there is {str(value)[:40]!r} where a list is expected")
    return value
