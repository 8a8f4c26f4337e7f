from __future__ import annotations

from detquant.report.markdown import demo_to_markdown, to_markdown


def test_the_whole_report(report):
    text = to_markdown(report)
    assert text.startswith("# yolo\\_n\\|ano.onnx, quantised\n")
    assert "| AP | 37.30 | 36.90 | -0.40 |" in text
    assert "| --- | ---: | ---: | ---: |" in text
    assert "- The quantised model is slower than the float model." in text
    assert "| decode tail | 2 |" in text
    assert f"| model.onnx | 3,200,000 | {'ef' * 32} |" in text
    assert f"| digest of the plan | {'cd' * 32} |" in text
    assert "| calibration seconds | 12.3 |" in text
    assert text.endswith("|\n") and "\n\n\n" not in text


def test_each_table_is_as_wide_as_its_header(report):
    for table in to_markdown(report).split("\n\n"):
        rows = [line.replace("\\|", "") for line in table.splitlines() if line.startswith("|")]
        assert len({row.count("|") for row in rows}) <= 1


def test_what_is_not_known_is_left_out(report):
    for key in ("sqnr_db", "int8", "kept_float", "guard", "notes", "warnings", "skipped", "calibration", "files"):
        del report[key]
    text = to_markdown(report)
    assert "Warnings" not in text and "Files" not in text and "SQNR" not in text and "calibration" not in text


def test_the_demo(demo_figures):
    text = demo_to_markdown(demo_figures)
    assert "| naive INT8 | 3.50 | 7.00 | 10.00 ms | 1.25× | 770 kB |" in text
    assert "](comparison.png)" in text and "float 8, naive 1, w8a8 7" in text
    assert "| calibration images | 128 |" in text and "| onnxruntime | 1.31.0 |" in text
    assert text.endswith("|\n") and "\n\n\n" not in text


def test_a_model_of_the_demo_that_could_not_be_made(demo_figures):
    demo_figures["rows"][1] |= {"failure": "onnxruntime's quantize_static fails with X: y.", "ap": None}
    assert "| naive INT8: onnxruntime's quantize\\_static fails with X: y. | – | – | – |" in demo_to_markdown(
        demo_figures
    )
