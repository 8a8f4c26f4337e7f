"""What single views say and draw."""

from __future__ import annotations

from dataclasses import replace

import pytest
from full_report import QUOTED, blocks, evidence, full, parts, pictures, tensors, thresholds
from page_reader import read

from detquant.evaluation.changes import Fate
from detquant.report.evidence import Block, OperatorTime, Profile
from detquant.report.html import Run, runs_to_html, to_html
from detquant.report.html.block_picture import edges, lanes_of
from detquant.report.html.shades import error_shade, precision_shade
from detquant.report.html.views.pareto import Candidate, candidates, frontier
from detquant.report.html.views.threshold import sentence, thinned


def view(report, key, images=None):
    whole = read(to_html(report, pictures() if images is None else images))
    return next(one for one in whole.all("section") if one.attributes["id"] == f"r1-{key}")


def table(found, caption):
    """Rows of a table as text."""
    [one] = [one for one in found.all("table") if caption in one.all("caption")[0].said()]
    return [[cell.said() for cell in row.inside] for row in one.all("tbody")[0].all("tr")]


def test_boxes_have_the_words_of_their_fate(report):
    found = view(full(report), "seen")
    for fate, word in (
        (Fate.LOST, "lost"),
        (Fate.NEW, "new"),
        (Fate.MOVED, "moved"),
        (Fate.RENAMED, "of another class"),
    ):
        groups = found.all("g", fate.value)
        assert groups and all(f", {word}" in one.all("text")[0].said() for one in groups)
    sides = [("before", Fate.NEW), ("after", Fate.LOST)]
    for side, fate in sides:
        assert not [one for pane in found.all("figure", side) for one in pane.all("g", fate.value)]
    rows = table(found, "Boxes in val/000001.jpg")
    assert len(rows) == 12 and {row[3] for row in rows} == {"kept", "moved", "of another class", "lost", "new"}
    assert "60 % changed: 1 lost, 1 new, 2 moved, 1 of another class, 2 kept." in found.said()


def test_a_classifiers_guesses(report):
    given = evidence(images=1)
    seen = replace(given.seen[0], before=(replace(given.seen[0].before[0], xyxy=()),), after=())
    found = view(replace(report, evidence=replace(given, seen=(seen,))), "seen")
    assert "float: 1 guess" in found.said() and found.all("figure", "before")[0].all("text")


def test_the_threshold_is_told(report):
    found = view(full(report), "threshold")
    assert "Use 0.2 for the quantised model: there it has 82.0 %." in found.said()
    assert len(found.all("polyline", "float")) == len(found.all("polyline", "quantised")) == 3
    assert len(found.all("line", "proposed")) == len(found.all("line", "asked")) == 3
    assert [row[1] for row in table(found, "What comes of the thresholds")] == ["0.25", "0.25", "0.2"]
    assert 10 <= len(table(found, "Precision, recall and F1")) <= 21


def test_thresholds_that_are_the_same_or_cannot_be():
    told = thresholds()
    assert "keep the threshold of 0.25" in sentence(replace(told, proposed=0.25))
    none = replace(told, proposed=None, after_at_proposed=None, by="f1")
    assert sentence(none).endswith("no threshold gives the quantised model the float model's F1.")
    assert sentence(replace(none, why="it finds nothing")).endswith("F1: it finds nothing.")
    assert len(thinned(told.before * 30)) <= 300
    assert "Use 0.00031 for" in sentence(replace(told, proposed=0.00031))


def test_without_labels_a_threshold_is_told_by_boxes_and_not_by_recall():
    told = replace(thresholds(), labelled=False)
    before, after, there = (
        replace(one, boxes=boxes)
        for one, boxes in ((told.before_at_asked, 20), (told.after_at_asked, 1), (told.after_at_proposed, 20))
    )
    told = replace(told, before_at_asked=before, after_at_asked=after, after_at_proposed=there)
    assert sentence(told) == (
        "At 0.25 the float model has 20 boxes, the quantised model 1 box. Use 0.2 for the quantised model: there it "
        "has 20 boxes."
    )
    assert "agree by an F1 of" in sentence(replace(told, by="f1"))
    none = replace(told, proposed=None, after_at_proposed=None, why="it has 3")
    assert sentence(none).endswith("no threshold gives the quantised model as many boxes: it has 3.")


def test_figures_of_one_thing_are_in_the_singular(report):
    one = replace(parts()[3], name="bus", objects=1, before=70.0, after=60.0, missed_before=0, missed_after=1)
    given = replace(report, images=1, evidence=replace(evidence(), parts=(replace(one, low=None, high=None),)))
    said = view(given, "parts").said()
    assert "'bus' loses most: -10.00 AP on 1 object; 1 object more missed in all." in said
    assert "There is no interval of what fewer than 30 images have." in said
    classified = view(replace(given, task="classify"), "parts").said()
    assert "on 1 image; 1 image more taken for something else in all." in classified and "wrong, float" in classified
    assert ", 1 image of " in to_html(given, {}).split("</header>")[0]


def test_float_that_nobody_has_a_reason_for_is_not_passed_over(report):
    made = tuple(replace(one, executed="float", why_float=None) for one in blocks())
    given = replace(evidence(), blocks=made)
    rows = (report.rows[0], replace(report.rows[1], quantization=None))
    said = view(replace(report, rows=rows, evidence=given), "slow").said()
    assert "30 blocks of the graph in floating point, and no reason for it was kept" in said
    assert "No operator is known to have stayed in float" not in said


def test_half_precision_that_is_widened_runs_otherwise_than_planned(report):
    made = tuple(replace(one, planned="fp16", executed="fp16" if at else "float") for at, one in enumerate(blocks()))
    assert (
        "1 block runs otherwise than planned."
        in view(replace(report, evidence=replace(evidence(), blocks=made)), "graph").said()
    )


def test_where_nothing_has_changed_it_is_said(report):
    same = replace(report, evidence=replace(evidence(), seen=(), changed=0))
    assert "Nothing has changed in any of 300 images" in view(same, "seen").said()
    some = replace(report, evidence=replace(evidence(), changed=45, shown_at=(0.25, 0.2)))
    said = view(some, "seen").said()
    assert "Something has changed in 45 of 300 images." in said and "at least 0.25 for float and 0.2 for" in said


def test_parts_have_their_intervals(report):
    found = view(full(report), "parts")
    assert len(table(found, "By size")) == 3 and len(table(found, "By class")) == 6
    assert len(found.all("svg", "interval")) == 8  # one has no change
    assert table(found, "By class")[-1][2:5] == ["–", "–", "–"]
    assert "loses most: -2.16 AP on 862 objects; 3 of 5 lose for certain" in found.said()


def test_parts_of_a_classifier(report):
    images = replace(report, task="classify", evidence=evidence())
    said = view(images, "parts").said()
    assert "45 images more taken for something else in all" in said and "wrong, quantised" in said


def test_layers_are_bars_and_rows_that_open(report):
    found = view(full(report), "layers")
    rows = table(found, "Tensors in the order")
    assert len(rows) == 40 and rows[0][0].startswith(QUOTED)
    alone = [one for one in tensors() if one.alone_db is not None]
    assert len([one for one in found.all("rect", "bar") if one.attributes.get("data-for")]) == len(alone)
    ids = {row.attributes.get("id") for row in found.all("tr")}
    assert {one.attributes["data-for"] for one in found.all("rect", "bar")} <= ids
    assert len(found.all("details")) == 40
    assert len(found.all("svg", "grid-picture")) == sum(bool(one.counts) for one in tensors())
    steps = [one for one in found.all("svg", "grid-picture") if one.all("path", "steps")]
    four = [one for one in tensors() if one.bits == 4 and one.counts and one.steps == 1]
    assert len(steps) == len(four) and all(
        one.all("path", "steps")[0].attributes["d"].count("M") == 16 for one in steps
    )


def test_what_lies_outside_of_a_grid_is_drawn(report):
    one = replace(tensors(1)[0], low=0.0, high=4.0, seen_low=-1.0, seen_high=4.0)
    found = view(replace(report, evidence=replace(evidence(), tensors=(one,))), "layers")
    [clipped] = found.all("rect", "clipped")
    assert float(clipped.attributes["width"]) == pytest.approx((330 - 16) / 5, abs=0.1)
    assert not view(replace(report, evidence=replace(evidence(), tensors=(replace(one, seen_low=0.0),))), "layers").all(
        "rect", "clipped"
    )


def test_layers_without_a_block_are_told_where_the_blocks_are(report):
    layers = tuple(
        OperatorTime(
            name=f"Convolution_{at}", kind="Convolution", precision="float", ms=1.0, block="/c/Conv" if at else None
        )
        for at in range(3)
    )
    given = replace(evidence(), profiles=(Profile(row="float", operators=layers),))
    said = view(replace(report, evidence=given), "graph").said()
    assert "float: 1 of 3 layers has no block" in said and "OpenVINO IR have no tensor names" in said
    given = replace(given, profiles=(Profile(row="float", operators=layers[1:]),))
    assert "no block" not in view(replace(report, evidence=given), "graph").said()


def test_the_graph_tells_what_was_executed(report):
    found = view(full(report), "graph")
    assert "Of 30 blocks the runtime executed 23 in int8, 4 in float; it does not tell of 3." in found.said()
    assert "1 block runs otherwise than planned." in found.said()
    assert len(found.all("g", "block")) == len(table(found, "Blocks in the order")) == 30
    assert len(found.all("g", "planned")) == 3
    silent = replace(evidence(), blocks=tuple(replace(one, executed=None) for one in blocks()))
    assert "The runtime does not tell in which precision" in view(replace(report, evidence=silent), "graph").said()


def test_skips_do_not_lie_over_each_other():
    made = [Block(name=f"b{at}", operators=(), title="", inputs=(), shape="", planned="") for at in range(10)]
    wired = {3: ("b2", "b0"), 5: ("b4", "b1"), 7: ("b3",), 9: ("b8", "b7", "nobody", "b9")}
    given = [replace(one, inputs=wired.get(at, (f"b{at - 1}",))) for at, one in enumerate(made)]
    steps, skips = edges(given)
    assert skips == [(0, 3), (1, 5), (3, 7), (7, 9)] and 8 in steps and 6 not in steps
    lanes = lanes_of(skips)
    assert lanes == {(7, 9): 0, (0, 3): 0, (1, 5): 1, (3, 7): 0}
    assert edges([replace(given[0], inputs=("b1",)), given[1]])[1] == []  # no block reads what comes later


@pytest.mark.parametrize(
    ("told", "shade"),
    [
        ("int8", "integer"), ("u8", "integer"), ("w8a8", "integer"), ("i8", "integer"), ("w4a8", "narrow"),
        ("FP32", "float"),
        ("float", "float"), ("f32", "float"), ("fp16", "half"), ("bf16", "half"), (None, "unknown"), ("<b>", "unknown"),
    ],
)  # fmt: skip
def test_precisions_have_a_shade(told, shade):
    assert precision_shade(told) == shade


def test_errors_have_a_shade():
    assert [error_shade(value) for value in (50, 35, 25, 15, 5, -5, None, float("inf"))] == [
        "e0", "e1", "e2", "e3", "e4", "e4", "ex", "ex",
    ]  # fmt: skip


def test_why_float_and_why_slow(report):
    found = view(full(report), "slow")
    reasons = table(found, "Operators that stayed in float")
    assert [row[:2] for row in reasons] == [["decode tail", "2"], ["feeds the decode tail", "1"], ["guard: c1", "1"]]
    kinds = table(found, "Time by kind of operator")
    assert kinds[0][0] == "Conv" and kinds[0][3] == "–" and len(kinds) == 13
    whole = sum(one.ms for one in evidence().profiles[0].operators)
    assert sum(float(row[1]) for row in kinds if row[1] != "–") == pytest.approx(whole, abs=0.02)
    widths = [float(one.attributes["width"]) for one in found.all("svg")[0].all("rect", "bar")]
    assert sum(widths[:5]) == pytest.approx(1000 - 8 - 110, abs=0.1)  # the float model's bar is the longest


def test_the_frontier():
    def one(name, accuracy, ms, size):
        return Candidate(name=name, accuracy=accuracy, latency_ms=ms, size_bytes=size, best=False)

    found = frontier(
        [one("a", 50, 10, 9), one("b", 49, 5, 3), one("c", 48, 6, 3), one("d", 48, 6, 2), one("a2", 50, 10, 9)]
    )
    assert [each.name for each in found if each.best] == ["a", "b", "d", "a2"]


def test_the_search_and_its_widths(report):
    found = view(full(report), "pareto")
    assert [row[0] for row in table(found, "Models that were measured")] == [one.title for one in full(report).tried]
    assert len(table(found, "Widths chosen")) == 9 and len(found.all("circle", "taken")) == 4


def test_provenance(report):
    said = view(full(report), "provenance").said()
    for word in (
        "ab" * 32,
        "12" * 32,
        "cd" * 32,
        "AMD EPYC 9R14",
        "avx2, avx512_vnni",
        "train/000127.jpg",
        "ef" * 32,
        "1.31.1",
    ):
        assert word in said


def test_times_that_mean_nothing_are_neither_compared_nor_drawn(report):
    """The cycles of hardware are emulated at target verilog: the emulator's time says nothing of them."""
    rows = tuple(replace(row, target="verilog") for row in report.rows)
    emulated = replace(report, rows=rows, target="verilog")
    shown = view(emulated, "pareto", {})
    assert "are neither compared nor drawn, since" in shown.said()
    assert "in accuracy and size together" in shown.said() and "80.00" not in shown.said()
    assert [one.latency_ms for one in candidates(emulated)] == [None, None]
    beside = view(report, "pareto", {}).said()
    assert "neither compared nor drawn" not in beside and "80.00" in beside
    mixed = runs_to_html([Run(title="a", report=report), Run(title="b", report=emulated)], "two")
    assert mixed.count("are neither compared nor drawn") == 2
