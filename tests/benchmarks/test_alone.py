"""What fails in a process of its own is told in a sentence, and ends nothing else."""

from __future__ import annotations

import os
from functools import partial

from alone import alone
from markdown_table import markdown, refusal

import detquant


def test_a_result_comes_back_from_another_process() -> None:
    assert alone(os.getpid) != os.getpid()


def test_an_error_of_detquant_is_its_own_sentence() -> None:
    found = alone(partial(detquant.load_recipe, "w9a4"))
    assert isinstance(found, str)
    assert found.startswith("Recipe 'w9a4' asks for weights of 9 bits")


def test_any_other_failure_is_named() -> None:
    assert str(alone(partial(int, "x"))).startswith("fails with ValueError: ")
    assert str(alone(partial(os._exit, 1))).startswith("fails with BrokenProcessPool: ")


def test_a_refusal_stays_one_row_of_the_table() -> None:
    row = refusal(("a", "b"), "no | such\nthing", 5)
    table = markdown(("way", "needs", "measured", "x", "y"), [row], texts=3)
    assert table.splitlines() == [
        "| way | needs | measured | x | y |",
        "| --- | --- | --- | ---: | ---: |",
        "| a | b | no / such thing |  |  |",
    ]
