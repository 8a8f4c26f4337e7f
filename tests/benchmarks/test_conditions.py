"""The lines around the tables of several benchmarks."""

from __future__ import annotations

from conditions import conditions, how_timed, with_measure


def test_what_was_measured_on_what() -> None:
    said = conditions(64, *how_timed(100, 5), "4 minutes")
    assert said.startswith("\n64 calibration images, 100 validation images, 5 runs of one thread by turns, 4 minutes, ")
    assert said.endswith(".") and ", all validation images, " in conditions(64, *how_timed(None, 5))


def test_the_header_names_the_measure_of_the_task() -> None:
    assert with_measure(["{measure}", "drop"], "classify") == ["top-1", "drop"]
    assert with_measure(["{measure}", "drop"], "detect") == ["AP", "drop"]
