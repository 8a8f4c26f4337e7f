"""Evidence in a report: read back as it was written, and told in a sentence each."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from detquant.evaluation.breakdown import Part
from detquant.evaluation.changes import Box, Fate, SeenImage
from detquant.evaluation.resampling import Interval
from detquant.evaluation.thresholds import Point, Thresholds
from detquant.report.evidence import Evidence, Usual
from detquant.report.files import to_json
from detquant.report.markdown import to_markdown
from detquant.report.remarks import evidence_remarks, interval_remark, report_remarks, scores_remark
from detquant.report.saved import report_of

BEFORE = Point(confidence=0.25, precision=80.0, recall=62.0, f1=69.8, boxes=300)
SAME = Point(confidence=0.25, precision=90.0, recall=41.5, f1=56.8, boxes=180)
OWN = Point(confidence=0.1732, precision=79.0, recall=62.0, f1=69.5, boxes=303)
THRESHOLDS = Thresholds(
    labelled=True,
    asked=0.25,
    proposed=0.1732,
    by="recall",
    before=(BEFORE,),
    after=(SAME, OWN),
    before_at_asked=BEFORE,
    after_at_asked=SAME,
    after_at_proposed=OWN,
)
INTERVAL = Interval(drop=0.4, low=-0.11, high=0.95, level=95.0, resamples=500, images=300)
USUAL = Usual(low=0.0, high=0.55, what="YOLOv8n", source="docs/results.md")
EVIDENCE = Evidence(
    row="quantized",
    classes=("cat", "<script>"),
    seen=(
        SeenImage(
            image="a/b.jpg",
            file="pictures/00.jpg",
            width=640,
            height=480,
            before=(Box(xyxy=(1.0, 2.0, 3.0, 4.0), confidence=0.9, class_id=0, fate=Fate.LOST),),
            after=(),
            objects=None,
            change=1.0,
        ),
    ),
    shown_at=(0.25, 0.1732),
    changed=1,
    thresholds=THRESHOLDS,
    parts=(Part(kind="class", name="cat", objects=3, before=50.0, after=None, missed_before=1, missed_after=3),),
    interval=INTERVAL,
    usual=USUAL,
)


def test_it_is_read_back_as_it_was_written(report) -> None:
    table = {name: None if value == float("inf") else value for name, value in _sqnr(report).items()}
    row = replace(report.rows[1], quantization=replace(report.rows[1].quantization, sqnr_db=table))
    shown = replace(report, rows=(report.rows[0], row), evidence=EVIDENCE)
    assert report_of(json.loads(to_json(shown.figures()))) == shown


def test_its_figures_are_what_json_gives_back() -> None:
    assert json.loads(to_json(EVIDENCE.figures())) == EVIDENCE.figures()


def _sqnr(report) -> dict[str, float]:
    return dict(report.rows[1].quantization.sqnr_db)


@pytest.mark.parametrize(
    ("path", "value"),
    [(("seen", 0, "before", 0, "fate"), "eaten"), (("thresholds", "asked"), "low"), (("interval", "images"), 1.5)],
)
def test_evidence_that_is_none_is_refused(report, path, value) -> None:
    figures = json.loads(to_json(replace(report, evidence=EVIDENCE).figures()))
    part = figures["evidence"]
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    with pytest.raises(ValueError, match="evidence"):
        report_of(figures)


def test_sentences_on_the_drop_and_on_the_threshold(report) -> None:
    shown = replace(report, evidence=EVIDENCE)
    first, second = evidence_remarks(shown)
    assert first == (
        "The drop of 0.40 AP is between -0.11 and 0.95 with other such images (95 % of 500 resamples of 300 images), "
        "so these images do not tell it from none; a drop of 0.00 to 0.55 is usual (YOLOv8n: docs/results.md)."
    )
    assert second == (
        "At a threshold of 0.25 it has 180 boxes and finds 41.5 % of the objects, the float model 300 and 62.0 %; it "
        "has the same recall at 0.1732 (303 boxes, 62.0 %)."
    )
    assert {first, second} <= set(report_remarks(shown)) and "do not tell it from none" in to_markdown(shown)
    assert evidence_remarks(report) == []


def test_a_drop_that_is_certain_and_of_which_nothing_is_usual() -> None:
    certain = replace(EVIDENCE, interval=replace(INTERVAL, low=0.1), usual=None)
    [said] = interval_remark(certain, "AP")
    assert "tell it" not in said and said.endswith("300 images).")
    assert interval_remark(replace(EVIDENCE, interval=None), "AP") == []


def test_of_several_rows_the_name_comes_first(report) -> None:
    several = replace(report, about=None, evidence=EVIDENCE)
    assert all(one.startswith("quantized: ") for one in evidence_remarks(several))


def test_no_threshold_has_its_reason() -> None:
    none = replace(THRESHOLDS, proposed=None, after_at_proposed=None, why="it finds nothing")
    assert scores_remark(none).endswith("; no threshold of its own makes good for it: it finds nothing.")
    unlabelled = scores_remark(replace(THRESHOLDS, labelled=False, by="f1"))
    assert "of the float model's boxes" in unlabelled and "it agrees best at 0.1732" in unlabelled


def test_without_files_there_are_no_pictures() -> None:
    assert [one.file for one in EVIDENCE.without_files().seen] == [None]
