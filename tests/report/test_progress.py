from __future__ import annotations

import sys

from detquant.report.progress import show_progress


def test_a_line_for_every_tenth_where_no_one_looks(capsys):
    with show_progress() as progress:
        for done in range(1, 101):
            progress("calibrating", done, 100)
        progress("evaluating", 1, 1)
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert not out and lines[0] == "calibrating 1/100"
    assert lines[1:] == [f"calibrating {n}/100" for n in range(10, 101, 10)] + ["evaluating 1/1"]


def test_a_bar_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with show_progress() as progress:
        progress("calibrating", 1, 2)
        progress("calibrating", 2, 2)
    assert not capsys.readouterr().out
