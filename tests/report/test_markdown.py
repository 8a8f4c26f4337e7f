from __future__ import annotations

from dataclasses import replace

from detquant.report.markdown import demo_to_markdown, to_markdown, workflow_to_markdown
from detquant.report.project import Project
from detquant.report.quantization import Quantization
from detquant.report.row import Row


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
    made = Quantization(recipe="nncf 3", engine="nncf", calibration=report.rows[1].quantization.calibration)
    row = replace(report.rows[1], quantization=made, notes=(), files=())
    text = to_markdown(replace(report, rows=(report.rows[0], row), notes=(), warnings=(), skipped=()))
    for word in ("Warnings", "Files", "SQNR", "Kept in float", "digest of the plan", "None"):
        assert word not in text


def test_the_demo(demo_report):
    text = demo_to_markdown(demo_report)
    assert "| naive INT8 | 3.50 | 7.00 | 10.00 ms | 1.25× | 770 kB |" in text
    assert "](comparison.png)" in text and "float 8, naive 1, w8a8 7" in text
    assert "| calibration images | 128 |" in text and "| onnxruntime | 1.31.0 |" in text
    assert text.endswith("|\n") and "\n\n\n" not in text


def test_a_model_of_the_demo_that_could_not_be_made(demo_report):
    failure = "onnxruntime's quantize_static fails with X: y."
    failed = Row(name="naive", title="naive INT8", target="ort", precision="int8", failure=failure)
    rows = (demo_report.rows[0], failed, demo_report.rows[2])
    text = demo_to_markdown(replace(demo_report, rows=rows))
    assert "| naive INT8: onnxruntime's quantize\\_static fails with X: y. | – | – | – |" in text


def test_a_workflow(report):
    name = report.rows[1].name
    project = Project(
        name="one",
        description="Squares.",
        target="ort",
        recipe="w8a8",
        data="coco",
        threads=1,
        models=(replace(report, about=name, predictions=("m/predictions/a.jpg",)),),
    )
    text = workflow_to_markdown(project)
    assert text.startswith("# one\n\nSquares.\n\n## yolo\\_n\\|ano.onnx on ort: 300 images of coco, 1 thread")
    assert "| w8a8 | 36.90 | 52.30 | 40.10 | 40.00 ms | 0.50× | 3.20 MB |" in text
    assert "- It ran." in text and "- Written: model.onnx, m/predictions/a.jpg\n" in text
