"""What is told of widths: in tables, in report.md, and read back."""

from __future__ import annotations

import json
from dataclasses import replace

from detquant.report import sheets
from detquant.report.markdown import to_markdown
from detquant.report.saved import report_of
from detquant.report.table import show_losses, show_quantization, show_widths
from detquant.report.widths import Tried, Width, Widths

WIDTHS = Widths(
    why="a budget of 5bits",
    measure="damage",
    given=tuple(
        Width(name=f"layer {k}", is_weight=k != 3, bits=None if k == 2 else 4, loss=k / 100, weights=10, size_bytes=5.0)
        for k in range(20)
    ),
)
TRIED = tuple(
    Tried(
        title=title,
        drop=drop,
        size_bytes=1_000_000,
        zipped_bytes=500_000,
        base_percent=60,
        float_percent=1.5,
        latency_ms=3.0,
        taken=title == "b",
        best=True,
    )
    for title, drop in (("a", 2.0), ("b", 0.5))
)
LOSSES = {
    "measure": "damage",
    "images": 8,
    "layers": [
        {"name": "cheap", "weights": 1000, "macs": 9, "loss": {"4": 0.01, "8": 0.001}},
        {"name": "dear", "weights": 10, "macs": 9, "loss": {"4": 0.5}},
    ],
    "tensors": [{"name": "t", "loss": {"8": 0.02}}],
    "notes": ["said."],
}


def test_losses_come_with_the_costliest_first():
    sheet = sheets.losses(LOSSES)
    assert sheet.header == ("layer", "weights", "MACs", "4", "8")
    assert list(sheet.rows) == [("dear", "10", "9", "0.5000", "–"), ("cheap", "1,000", "9", "0.0100", "0.0010")]
    assert "1 more" in sheets.losses(LOSSES, 1).title
    assert sheets.tensor_losses({**LOSSES, "tensors": []}) is None


def test_widths_and_models_are_in_the_report(report, capsys):
    searched = replace(report, widths=WIDTHS, tried=TRIED)
    text = to_markdown(searched)
    assert "Widths chosen for a budget of 5bits" in text and "Models that were measured" in text
    assert text.count("| layer ") == 21 and "| float |" in text and "activations" in text and "taken" in text
    show_quantization(searched)
    out = capsys.readouterr().out
    assert "5 more" in out and "Models that were measured" in out and "60 %" in out
    assert report_of(json.loads(json.dumps(searched.figures()))) == searched
    assert "Widths chosen" not in to_markdown(report)


def test_on_the_terminal(capsys):
    show_losses(LOSSES)
    show_widths(WIDTHS, "all is said.")
    out = capsys.readouterr().out
    assert "dear" in out and "said." in out and "layer 19" in out and "all is said." in out
