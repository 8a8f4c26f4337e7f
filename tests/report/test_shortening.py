"""A saved run may hold anything in any number: what is shown of it is bounded, and the page says so."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from detquant.report.evidence import Evidence, TensorLoss
from detquant.report.files import to_json
from detquant.report.html import to_html
from detquant.report.html.runs import LIMIT
from detquant.report.saved import report_of
from detquant.report.shortening import ENTRIES, FEWER, STEPS, shortened, shorter


@pytest.fixture
def figures(report):
    finite = replace(report.rows[1], quantization=replace(report.rows[1].quantization, sqnr_db={}))
    return json.loads(to_json(replace(report, rows=(report.rows[0], finite)).figures()))


def tensors(count, name="n", bins=64):
    told = dict(operator="o", kind="weight", bits=8, scale=0.1, steps=1, zero_point=0, low=-1.0, high=1.0)
    numbers = dict(seen_low=-1.0, seen_high=1.0, alone_db=30.0, counts=(1,) * bins)
    return tuple(TensorLoss(name=f"{name}{at}", **told, **numbers) for at in range(count))


def test_a_run_as_it_is_written_stays_as_it_is(figures):
    assert shortened(figures) == figures


def test_rows_beyond_a_number_are_left_out_but_for_the_one_it_is_about(figures):
    many = [{**figures["rows"][1], "name": f"r{at}"} for at in range(3000)]
    cut = shortened({**figures, "rows": [figures["rows"][0], *many, figures["rows"][1]]})
    assert len(cut["rows"]) == FEWER["rows"] and cut["rows"][1]["name"] == figures["about"]
    assert "it has 200 of 3,002 in 'rows'" in cut["warnings"][-1]
    assert report_of(cut).subject is not None


def test_long_texts_keep_their_ends(figures):
    cut = shortened({**figures, "model": "a" * 5000 + "end"})
    assert len(cut["model"]) == STEPS[0][1] and cut["model"].endswith("end") and "…" in cut["model"]
    assert "1 text is cut to 1,000 characters" in cut["warnings"][-1]


def test_what_nests_too_deeply_is_none(figures):
    deep: list = []
    for _ in range(500):
        deep = [deep]
    assert shortened({**figures, "junk": deep})["junk"] is not None


def test_boxes_beyond_what_a_family_keeps_are_left_out_of_the_pictures_alone(figures):
    many = [0] * 5000
    cut = shortened(
        {**figures, "evidence": {"seen": [{"before": many, "after": many}], "thresholds": {"before": many}}}
    )
    [seen] = cut["evidence"]["seen"]
    assert len(seen["before"]) == len(seen["after"]) == 300 and cut["evidence"]["thresholds"]["before"] == many
    assert "300 of 5,000 in 'before'" in cut["warnings"][-1]


def test_no_step_goes_through_more_than_a_page_holds(figures):
    class Counted(list):
        gone = 0

        def __getitem__(self, at):
            Counted.gone += 1
            return super().__getitem__(at)

    row = Counted([1.0] * 5000)
    shortened({**figures, "junk": [row] * 5000})
    assert Counted.gone < sum(ENTRIES // min(most, 5000) + 5 for most, _ in STEPS)


def test_models_of_a_workflow_say_so_each(figures):
    cut = shortened({"workflow": "w", "models": [figures] * 100})
    assert len(cut["models"]) == FEWER["models"]
    assert all("24 of 100 in 'models'" in one["warnings"][-1] for one in cut["models"])


@pytest.mark.parametrize("name", ["n", "long name of a tensor " * 40])
def test_a_page_is_less_than_3_mb_whatever_is_on_it(report, name):
    page = to_html(replace(report, evidence=Evidence(tensors=tensors(1000, name, bins=2))), {})
    assert len(page.encode()) <= LIMIT
    assert ("The figures hold more than a page can show" in page) == (name != "n")


def test_shorter_is_shorter_at_each_step(report):
    whole = replace(report, evidence=Evidence(tensors=tensors(1200, bins=2)))
    kept = [len(shorter(whole, step).evidence.tensors) for step in range(len(STEPS))]
    assert kept == [1200, 1000, 200, 50, 12]


def test_evidence_on_a_row_that_is_not_there_is_shown(report):
    assert "<h1>" in to_html(replace(report, evidence=Evidence(row="nobody's", changed=1)), {})
