from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

import train_classifier as script  # noqa: E402


def test_a_short_run_goes_on_and_writes_its_files(tmp_path: Path) -> None:
    rows = ["--images", "32", "--validation", "16", "--batch", "16", "--epochs", "1"]
    first = script.train(script.parse(["--out", str(tmp_path), *rows]))
    again = script.train(script.parse(["--out", str(tmp_path), *rows, "--resume"]))
    assert torch.equal(first.average.fc.weight, again.average.fc.weight)
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 2
    assert {"classifier.onnx", "classifier.npz"} <= {path.name for path in tmp_path.iterdir()}
