"""Tables on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from detquant.report import sheets
from detquant.report.plain import plain
from detquant.report.project import Project
from detquant.report.remarks import (
    fetch_remarks,
    picture_remark,
    report_remarks,
    report_warnings,
    unchecked,
    warnings,
    workflow_remarks,
    zoo_remarks,
)
from detquant.report.report import Report
from detquant.report.sheets import Sheet
from detquant.report.sheets.widths import SHOWN
from detquant.report.untimed import why_untimed
from detquant.report.widths import Widths

# Where no one looks at the width, names of tensors are better kept on one line.
WIDTH_OF_A_FILE = 200


def show_quantization(report: Report) -> None:
    """Prints float beside quantised, the tensors that lost most, and what there is to say about it."""
    if row := report.subject:
        searched = [sheets.tried(report), sheets.widths(report.widths, SHOWN)]
        _show([sheets.comparison(report, row), sheets.agreement(row), sheets.steps(report), sheets.worst_tensors(row)])
        _show([*sheets.curves(row), *searched])
    _say([*report_remarks(report), *why_untimed([report])], report_warnings(report))


def show_losses(figures: Mapping[str, Any]) -> None:
    """Prints what the costliest layers and tensors cost alone."""
    _show([sheets.losses(figures, SHOWN), sheets.tensor_losses(figures, SHOWN)])
    _say(figures["notes"], ())


def show_widths(found: Widths, sentence: str) -> None:
    """Prints the widths that were chosen, and what they take."""
    _show([sheets.widths(found)])
    _say([sentence], ())


def show_evaluation(figures: Mapping[str, Any]) -> None:
    """Prints one model's accuracy and latency."""
    _show([sheets.evaluation(figures), sheets.per_class(figures)])
    _say(figures["notes"], warnings(figures))


def show_benchmark(figures: Mapping[str, Any]) -> None:
    """Prints models side by side."""
    _show([sheets.benchmark(figures)])
    _say(figures["notes"], ())


def show_inspection(figures: Mapping[str, Any]) -> None:
    """Prints what a model is made of."""
    _show([sheets.model(figures), sheets.operators(figures), sheets.kept_float(figures["kept_float"])])


def show_diagnosis(figures: Mapping[str, Any]) -> None:
    """Prints what a model finds when it is read in other ways; a verdict that is no error."""
    _show([sheets.examination(figures)])
    _say([*figures["notes"], *([figures["verdict"]] if figures["sound"] else [])], ())


def show_plan(figures: Mapping[str, Any]) -> None:
    """Prints a plan, tensor by tensor."""
    _show([sheets.plan_points(figures), sheets.plan_weights(figures), sheets.plan_float(figures)])


def show_predictions(figures: Mapping[str, Any]) -> None:
    """Prints what was found in each image."""
    _show([sheets.predictions(figures)])
    _say(figures["notes"], warnings(figures))


def show_demo(report: Report) -> None:
    """Prints the demo's models side by side, how they were made, and what the picture shows."""
    _show([sheets.demo(report)])
    picture = [picture_remark(report.picture)] if report.picture else []
    _say([*report_remarks(report), *picture], report_warnings(report))


def show_zoo(figures: Mapping[str, Any]) -> None:
    """Prints the models and data sets that can be fetched."""
    _show([sheets.zoo(figures), sheets.zoo_sources(figures)])
    _say(zoo_remarks(), ())


def show_choice(report: Report) -> None:
    """Prints what a model does on each runtime, and what was left out."""
    _show([sheets.choice(report)])
    _say([*report_remarks(report), *why_untimed([report])], report_warnings(report))


def show_workflow(project: Project) -> None:
    """Prints each model of a workflow in each precision."""
    for report in project.models:
        _show([sheets.workflow(report)])
        _say([*workflow_remarks(report), *why_untimed([report])], report_warnings(report))


def show_targets(figures: Mapping[str, Any]) -> None:
    """Prints the places to run."""
    _show([sheets.targets(figures)])


def show_recipes(figures: Mapping[str, Any]) -> None:
    """Prints the recipes that are built in."""
    _show([sheets.recipes(figures)])


def show_export(figures: Mapping[str, Any]) -> None:
    """Prints what was written, and how near it is to the original."""
    _show([sheets.export(figures)])
    _say(figures["notes"], ())


def show_proof(figures: Mapping[str, Any]) -> None:
    """Prints what a test bench said."""
    _show([sheets.proof(figures)])


def show_fetch(figures: Mapping[str, Any]) -> None:
    """Prints what came, how it was checked, and under which licence it stands."""
    _show([sheets.fetched(figures)])
    _say(fetch_remarks(figures), unchecked(figures))


def as_table(sheet: Sheet) -> Table:
    """A sheet as a rich table, its title left out; brackets in names are no markup."""
    table = Table(box=box.SIMPLE_HEAD, show_header=any(sheet.header))
    for place, name in enumerate(sheet.header):
        numeric = sheet.numeric and place > 0
        table.add_column(Text(plain(name)), justify="right" if numeric else "left", no_wrap=numeric, overflow="fold")
    for row in sheet.rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    return table


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_FILE, highlight=False)


def _show(found: Iterable[Sheet | None]) -> None:
    console = _console()
    for sheet in found:
        if sheet is not None:
            # Printed apart from the table, which would wrap it to its own width.
            console.print(Text(sheet.title, style="bold"), soft_wrap=True)
            console.print(as_table(sheet))


def _say(remarked: Iterable[str], warned: Iterable[str]) -> None:
    console = _console()
    for sentence in remarked:
        console.print(Text(sentence), soft_wrap=True)
    for sentence in warned:
        console.print(Text(f"Warning: {sentence}", style="yellow"), soft_wrap=True)
