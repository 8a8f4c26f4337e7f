"""The page as text: whole, escaped, small, the same each time, and without a word that nothing stands behind."""

from __future__ import annotations

import copy
import json
import math
import random
from dataclasses import replace

import pytest
from full_report import CLASSES, NASTY, QUOTED, broken, chosen, full, picture, pictures
from page_reader import read

from detquant.evaluation.agreement import Agreement, SameGuess
from detquant.report.evidence import Evidence
from detquant.report.files import to_json
from detquant.report.html import START, Run, runs_to_html, to_html, wanted
from detquant.report.html.page import POLICY
from detquant.report.html.views import VIEWS
from detquant.report.row import Row
from detquant.report.saved import report_of

KEYS = ["verdict", "seen", "threshold", "parts", "layers", "graph", "slow", "pareto", "provenance"]
LARGE = {"tensors_": 300, "blocks_": 250, "images": 12, "classes": 80}


def views(page):
    """What each view says."""
    whole = read(page)
    return {one.attributes["id"].partition("-")[2]: one for one in whole.all("section", "view")}


def test_nine_views_in_their_order(report):
    whole = read(to_html(full(report), pictures()))
    assert [view.key for view in VIEWS] == KEYS
    assert [one.attributes["id"] for one in whole.all("section", "view")] == [f"r1-{key}" for key in KEYS]
    links = [one.attributes["href"] for one in whole.all("nav")[0].all("a")]
    assert links == [f"#r1-{key}" for key in KEYS]
    [policy] = [one for one in whole.all("meta") if one.attributes.get("http-equiv") == "Content-Security-Policy"]
    assert (
        policy.attributes["content"]
        == POLICY
        == ("default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:")
    )


def test_where_nothing_is_known_a_sentence_says_why(report):
    bare = replace(report, rows=(report.rows[0], replace(report.rows[1], quantization=None)))
    for one in (bare, replace(bare, evidence=Evidence())):
        found = views(to_html(one, {}))
        for key in KEYS[1:7]:
            [*said] = found[key].all("p", "missing")
            assert said and all(sentence.said().endswith(".") for sentence in said), key
        assert found["provenance"].all("dl") and found["pareto"].all("svg")


@pytest.mark.parametrize("name", [NASTY, *CLASSES, QUOTED])
def test_names_of_others_are_text(report, name):
    page = to_html(full(report), pictures())
    assert name in read(page).said()
    assert page.count("<script") == page.count("</script>") == 1 and "onmouseover=alert(1)>" not in page
    elsewhere = replace(
        report, model=name, data=name, family=name, warnings=(name,), versions={name: name}, recipe=name
    )
    named = replace(elsewhere, rows=tuple(replace(row, title=name, target=name, precision=name) for row in report.rows))
    page = runs_to_html([Run(title=name, report=named), Run(title=name, report=full(named))], name)
    assert read(page).said().count(name) > 20 and page.count("<script") == 1


def test_what_does_not_print_is_marked(report):
    whole = read(to_html(replace(report, model="caf\udce9 \0 \u202etxt.exe", warnings=("a\ud800b",)), {}))
    assert "caf\\xe9 \ufffd \ufffdtxt.exe" in whole.said() and "a\ufffdb" in whole.said()
    to_html(replace(report, model="caf\udce9"), {}).encode()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e308, -1e308, 0.0])
def test_figures_that_no_run_gives(report, value):
    page = to_html(replace(report, evidence=broken(value)), {"../x": picture(0)})
    assert "javascript:alert(1)" in read(page).said()  # as text, and nowhere as a link
    assert len(page) < 200_000


def places(value, path=()):
    """Paths of all that is in plain values, of lists the first entry."""
    inner = value.items() if isinstance(value, dict) else list(enumerate(value))[:1] if isinstance(value, list) else ()
    return [path, *(found for key, one in inner for found in places(one, (*path, key)))]


def test_evidence_that_was_changed_anywhere_is_shown_or_refused(report):
    given = json.loads(to_json(full(report, tensors_=1, blocks_=2, images=1, classes=1).figures()))
    values = (math.nan, math.inf, -7, 10**18, "", NASTY, None, [])
    changes = [(path, value) for path in places(given["evidence"])[1:] for value in values]
    shown = 0
    for path, value in random.Random(0).sample(changes, 150):
        figures = copy.deepcopy(given)
        inside = figures["evidence"]
        for key in path[:-1]:
            inside = inside[key]
        inside[path[-1]] = value
        try:
            changed = report_of(figures)
        except ValueError:
            continue
        assert "<script>alert" not in to_html(changed, {}), (path, value)
        shown += 1
    assert shown > 20


def test_of_yolov8n_it_is_small_enough_with_pictures_that_are_not(report):
    large = full(report, **LARGE)
    many = {one.file: picture(at, 1280, 800) * 12 for at, one in enumerate(large.evidence.seen) if one.file}
    assert sum(map(len, many.values())) > 3_000_000
    page = to_html(large, many)
    assert 2_000_000 < len(page.encode()) < 3_000_000
    assert "pictures left out, for the page would be too large" in views(page)["seen"].said()
    one = to_html(large, dict(list(many.items())[:1]))
    assert "left out, for the page" not in one


def test_several_large_runs_are_one_page_of_less_than_3_mb(report):
    runs = [Run(title=f"run {at}", report=full(report, **LARGE), pictures=pictures(12)) for at in range(2)]
    page = runs_to_html(runs, "two")
    assert len(page.encode()) < 3_000_000
    assert "without histogram, to keep the page small" in page


def test_the_same_report_gives_the_same_bytes(report):
    one = to_html(full(report), pictures())
    shuffled = list(pictures().items())
    random.Random(1).shuffle(shuffled)
    assert one == to_html(full(report), dict(shuffled)) and one.startswith(START)


def test_pictures_that_are_none_are_not_shown(report):
    given = full(report)
    for content in (b"", b"<svg onload='alert(1)'/>", b"GIF89a", b"\x89PNG"):
        page = to_html(given, dict.fromkeys(wanted(given), content))
        assert "data:image" not in page and "boxes are drawn on plain ground" in page


def test_both_sides_use_one_picture(report):
    page = to_html(full(report), pictures())
    whole = views(page)["seen"]
    assert len(whole.all("image")) == len(whole.all("use")) == 5 and len(whole.all("svg", "picture")) == 12
    assert page.count("data:image/jpeg") == 5
    for image, use in zip(whole.all("image"), whole.all("use"), strict=True):
        assert use.attributes["href"] == f"#{image.attributes['id']}"


def test_several_runs_side_by_side(report, demo_report):
    runs = [
        Run(title="mine", report=full(report), pictures=pictures()),
        Run(title="the demo", report=demo_report),
        Run(title="choice", report=chosen(report)),
    ]
    whole = read(runs_to_html(runs, "three runs"))
    articles = whole.all("article", "run")
    assert [one.all("h2")[0].said() for one in articles] == ["mine", "the demo", "choice"]
    assert all(len(one.all("section", "view")) == 9 for one in articles)
    [table] = [one for one in whole.all("table") if one.all("caption")[0].said() == "All models of all runs"]
    assert len(table.all("tbody")[0].all("tr")) == 2 + 3 + 9
    assert "These runs were measured on other images" in whole.said()
    same = read(runs_to_html([runs[0], replace_title(runs[0], "again")], "two"))
    assert "These runs were measured" not in same.said()


def replace_title(run, title):
    return Run(title=title, report=run.report, pictures=run.pictures)


def test_a_choice_and_the_demo(report, demo_report):
    found = views(to_html(chosen(report), {}))
    assert "Of 9 models that were measured, 3 are beaten by none" in found["verdict"].said()
    assert len(found["pareto"].all("circle")) == 18
    shown = views(to_html(demo_report, {"comparison.png": picture(1)}))
    assert shown["seen"].all("img")[0].attributes["alt"].startswith("comparison.png shows scenes:0/validation")
    assert "naive INT8" in shown["verdict"].said()


def test_a_model_that_could_not_be_made(demo_report):
    failed = Row(name="naive", title="naive INT8", target="ort", precision="int8", failure="It fails.")
    page = to_html(replace(demo_report, rows=(demo_report.rows[0], failed, demo_report.rows[2])), {})
    assert "naive INT8: It fails." in views(page)["verdict"].said()


AGREEMENTS = (
    (
        "detect",
        Agreement(f1=0.9, mean_iou=0.95, matches=9, reference_boxes=10, candidate_boxes=10, images=3),
        "90.00 %",
    ),
    ("classify", SameGuess(top1=75.0, images=4), "75.00 %"),
)


@pytest.mark.parametrize(("task", "agreement", "said"), AGREEMENTS)
def test_without_labels(report, task, agreement, said):
    rows = tuple(replace(row, accuracy=None, agreement=agreement) for row in report.rows)
    found = views(to_html(full(replace(report, task=task, rows=rows)), pictures()))["verdict"].said()
    assert f"agrees with the float model in {said}" in found and "The images have no labels" in found
