"""What is read back is what was written; and a file that says something else is refused in a sentence."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest

from detquant.evaluation.agreement import Agreement, SameGuess
from detquant.report.files import to_json
from detquant.report.markdown import demo_to_markdown, to_markdown
from detquant.report.project import Project
from detquant.report.row import Row
from detquant.report.saved import project_of, report_of

AGREEMENTS = (
    ("detect", Agreement(f1=0.9, mean_iou=0.95, matches=9, reference_boxes=10, candidate_boxes=10, images=3)),
    ("classify", SameGuess(top1=75.0, images=4)),
)


def written(report):
    return json.loads(to_json(report.figures()))


def finite(report):
    """JSON has no word for what is not finite."""
    row = report.rows[1]
    table = {name: None if value == float("inf") else value for name, value in row.quantization.sqnr_db.items()}
    return replace(report, rows=(report.rows[0], replace(row, quantization=replace(row.quantization, sqnr_db=table))))


def test_a_quantisation(report):
    again = report_of(written(report))
    assert again == finite(report) and to_markdown(again) == to_markdown(report)


def test_several_of_one_rank(report):
    several = replace(finite(report), about=None, target=None, seed=None)
    assert report_of(written(several)) == several


def test_the_demo_with_a_model_that_failed(demo_report):
    failed = Row(name="naive", title="naive INT8", target="ort", precision="int8", failure="It fails.", best=False)
    report = replace(demo_report, rows=(demo_report.rows[0], failed, demo_report.rows[2]))
    again = report_of(written(report))
    assert again == report and demo_to_markdown(again) == demo_to_markdown(report)


@pytest.mark.parametrize(("task", "agreement"), AGREEMENTS)
def test_agreement(report, task, agreement):
    rows = tuple(replace(row, accuracy=None, agreement=agreement) for row in finite(report).rows)
    without = replace(report, task=task, rows=rows)
    assert report_of(written(without)) == without


def test_a_workflow(report):
    model = finite(report)
    project = Project(
        name="n", description="d", target="ort", recipe="w8a8", data="coco", threads=1, models=(model, model)
    )
    assert project_of(json.loads(to_json(project.figures()))) == project


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("model",), 3, r"the report\.model is '3' and not text"),
        (("images",), True, r"images is 'True' and not a whole number"),
        (("rows",), {}, "where a list is expected"),
        (("rows",), [], "has no rows"),
        (("rows", 0), "x", "where an object is expected"),
        (("rows", 1, "latency_ms"), "fast", r"rows\[1\]\.latency_ms is 'fast' and not a number"),
        (("rows", 1, "noted", 1, "stage"), "soon", "one of graph, choices"),
        (("rows", 1, "written", 0, "sha256"), None, "not text"),
        (("kept_float",), {"a": 1}, r"kept_float\.a is '1' and not text"),
        (("calibration",), None, "calibration is 'None' and not an object"),
        (("skipped",), [{"path": "a"}], "has no 'reason'"),
    ],
)
def test_what_is_not_as_it_was_written(report, path, value, words):
    found = written(report)
    part = found
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    with pytest.raises(ValueError, match=words):
        report_of(found)


@pytest.mark.parametrize("figures", [None, [], "x", 1, {}, {"rows": []}])
def test_no_report_at_all(figures):
    for read in (report_of, project_of):
        with pytest.raises(ValueError, match=r"\w"):
            read(figures)


def places(value, path=()):
    """The way to each value in figures."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def test_whatever_stands_anywhere_is_read_or_refused(report, demo_report):
    """Never another error than the one that is promised."""
    for figures in (written(report), written(demo_report)):
        for path in list(places(figures))[1:]:
            for value in (None, 1.5, "x", [[]], {"a": {}}):
                changed = copy.deepcopy(figures)
                part = changed
                for key in path[:-1]:
                    part = part[key]
                part[path[-1]] = value
                try:
                    report_of(changed)
                except ValueError as error:
                    assert str(error)
