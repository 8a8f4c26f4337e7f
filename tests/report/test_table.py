from __future__ import annotations

from detquant.report.sheets import Sheet
from detquant.report.table import as_table, show_demo, show_plan, show_quantization


def test_a_quantisation_on_paper(report, capsys):
    show_quantization(report)
    shown = capsys.readouterr().out
    for words in ("37.30", "0.50×", "tensor 10 ", "guard: c1", "Warning: The quantised model is slower"):
        assert words in shown
    assert "tensor 11" not in shown


def test_long_names_stay_on_one_line_in_a_file(capsys):
    name = "/model.22/cv2.0/cv2.0.0/conv/[1]/Conv_output_0" * 2
    points = [{"tensor": name, "grid": "own", "detail": "uint8"}]
    show_plan({"recipe": "r", "target": "t", "points": points, "weights": [], "kept_float": {}})
    assert name in capsys.readouterr().out


def test_the_header_is_shown_only_if_there_is_one():
    assert not as_table(Sheet("t", ("", ""), [("a", "b")])).show_header
    assert as_table(Sheet("t", ("", "x"), [("a", "b")])).show_header


def test_the_demo(demo_report, capsys):
    show_demo(demo_report)
    shown = capsys.readouterr().out
    for words in (
        "detquant w8a8",
        "67.00",
        "0.50×",
        "871 kB",
        "by its defaults.",
        "Objects found of 8: float 8, naive 1",
    ):
        assert words in shown
