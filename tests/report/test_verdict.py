"""The verdict in plain words."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent / "html"))
from full_report import chosen, evidence, full

from detquant.evaluation.resampling import Interval
from detquant.report.evidence import Evidence, Usual
from detquant.report.verdict import drop_of, focus, judged, resolved, to_look_at, verdict

USUAL = Usual(low=0.2, high=0.8, what="YOLOv8n, w8a8, COCO", source="a page")


def interval(low, high):
    return Interval(drop=(low + high) / 2, low=low, high=high, level=95.0, resamples=1000, images=300)


def with_ap(report, after, **changes):
    row = replace(report.rows[1], accuracy={**report.rows[1].accuracy, "ap": after}, **changes)
    return replace(report, rows=(report.rows[0], row))


def test_the_first_sentence(report):
    assert verdict(report)[0] == (
        "w8a8 loses 0.40 AP (37.30 before, 36.90 now), is 2.00 times as fast (80.00 ms before, 40.00 ms now) and has "
        "25 % of the size (12.80 MB before, 3.20 MB now)."
    )
    assert verdict(with_ap(report, 37.302))[0].startswith("w8a8 loses nothing (AP is 37.30 as before), ")
    assert verdict(with_ap(report, 38.0))[0].startswith("w8a8 loses nothing (AP is 37.30 before, 38.00 now), ")
    slow = with_ap(report, 37.0, latency_ms=100.0, ratio=1.25)
    assert "takes 1.25 times as long (80.00 ms before, 100.00 ms now)" in verdict(slow)[0]
    unmeasured = replace(report.rows[1], accuracy=None, latency_ms=None, size_bytes=None)
    nothing = replace(report, rows=(report.rows[0], unmeasured))
    assert verdict(nothing)[0] == "w8a8 was made, and nothing of it was measured."


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (
            -0.1,
            0.9,
            "do not resolve this: it lies between a gain of 0.10 and a loss of 0.90 AP in 95 % of 1,000 resamples",
        ),
        (0.1, 0.7, "resolve this: it lies between losses of 0.10 and 0.70 AP"),
        (-0.7, -0.1, "resolve this: it lies between gains of 0.10 and 0.70 AP"),
        (-0.0, 0.7, "do not resolve this: it lies between nothing and a loss of 0.70 AP"),
        (-0.0, 0.0, "show no difference: it is less than 0.01 AP in 95 % of 1,000 resamples of them."),
    ],
)
def test_whether_the_images_resolve_it(low, high, said):
    assert resolved(interval(low, high), "AP").startswith(f"300 images {said}")


def test_images_in_which_nothing_differs():
    assert resolved(interval(-0.0, 0.0), "AP") == (
        "300 images show no difference: it is less than 0.01 AP in 95 % of 1,000 resamples of them."
    )


def test_300_images_do_not_resolve_three_tenths():
    assert "Differences below about 0.50 are told apart by more images only." in resolved(interval(-0.2, 0.8), "AP")


@pytest.mark.parametrize(
    ("drop", "around", "word"),
    [
        (0.5, None, "normal"),
        (0.1, None, "less"),
        (1.5, None, "unclear"),
        (1.5, (0.5, 2.5), "unclear"),
        (1.5, (1.0, 2.0), "more"),
    ],
)
def test_whether_that_is_normal(drop, around, word):
    assert judged(drop, USUAL, interval(*around) if around else None)[0] == word


def test_what_is_usual_is_told_with_its_source(report):
    given = replace(report, evidence=Evidence(usual=USUAL))
    assert verdict(given)[1] == (
        "Is that normal? YOLOv8n, w8a8, COCO: 0.2 to 0.8 points are usually lost; this is normal. Source: a page"
    )


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-0.24, 0.44, "between a gain of 0.24 and a loss of 0.44 points is usual"),
        (-0.11, -0.06, "0.06 to 0.11 points are usually gained"),
        (2.03, 2.03, "2.03 points were lost"),
    ],
)
def test_no_loss_has_a_sign(report, low, high, said):
    given = replace(report, evidence=Evidence(usual=replace(USUAL, low=low, high=high)))
    assert f"Is that normal? {USUAL.what}: {said}; " in verdict(given)[1]


def test_where_the_float_model_finds_nothing_no_loss_is_normal(report):
    first = replace(report.rows[0], accuracy={**report.rows[0].accuracy, "ap": 0.0})
    nothing = with_ap(replace(report, rows=(first, report.rows[1]), evidence=Evidence(usual=USUAL)), 0.0)
    assert not any("Is that normal" in one for one in verdict(nothing))


def test_few_images_are_called_few(report):
    given = replace(report, images=6, evidence=Evidence(row=report.rows[1].name))
    assert "6 images cannot tell a loss from chance: from 30 images on, an interval is given." in verdict(given)
    assert not any("from chance" in one for one in verdict(replace(given, images=300)))


def test_times_are_not_told_of_places_that_do_not_run_here(report):
    row = replace(report.rows[1], target="verilog", latency_ms=400.0, ratio=5.0)
    given = replace(report, target="verilog", rows=(report.rows[0], row))
    first, *others = verdict(given)
    assert "ms" not in first and "times as" not in first and "25 % of the size" in first
    assert any(one.startswith("The times are not those of the place: the engine's time") for one in others)
    assert "slow" not in [one.view for one in to_look_at(given)]


def test_a_choice_is_told_beside_the_float_model_of_its_own_place(report):
    made = chosen(report)
    own = replace(made.rows[0], target="opencv", latency_ms=500.0, name="opencv fp32", quantization=None)
    row = replace(report.rows[1], target="opencv", precision="w8a8", name="t", latency_ms=250.0, best=True)
    given = replace(made, rows=(*made.rows, own, row), evidence=replace(evidence(), row="t"))
    said = next(one for one in verdict(given) if one.startswith("opencv w8a8 "))
    assert "is 2.00 times as fast (500.00 ms before, 250.00 ms now)" in said


def test_what_to_look_at_next(report):
    keys = [one.view for one in to_look_at(full(report))]
    assert keys == ["parts", "threshold", "seen", None]
    [only] = to_look_at(report)
    assert only.view == "seen" and only.sentence.startswith("Nothing here asks for more")
    broken = with_ap(replace(report, evidence=Evidence(usual=USUAL)), 3.0, ratio=1.3)
    assert [one.view for one in to_look_at(broken)] == ["layers", "slow", None]
    more = with_ap(replace(report, evidence=Evidence(usual=USUAL)), 35.0)
    assert to_look_at(more)[0].sentence.startswith("More is lost than is usual, on too few images to be certain")
    sure = replace(more, evidence=Evidence(usual=USUAL, interval=interval(1.5, 3.1)))
    assert [one.view for one in to_look_at(sure)] == ["layers"]
    same = replace(evidence().thresholds, proposed=0.252)
    assert "threshold" not in [one.view for one in to_look_at(replace(report, evidence=Evidence(thresholds=same)))]


def test_whom_a_reader_is_told_about(report, demo_report):
    assert focus(report) is report.rows[1] and focus(chosen(report)) is None and focus(demo_report) is None
    ours = replace(demo_report.rows[2], quantization=report.rows[1].quantization)
    demo = replace(demo_report, rows=(*demo_report.rows[:2], ours))
    assert focus(demo) is ours and drop_of(demo, ours) == pytest.approx(0.25)
    assert verdict(demo)[0].startswith("detquant w8a8 loses 0.25 AP") and to_look_at(chosen(report))[0].view == "pareto"
    assert verdict(demo_report) == ["yolov8-pico was measured in 3 forms; none of them was quantised by detquant."]
