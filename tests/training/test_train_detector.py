from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

import train_detector as script  # noqa: E402
from augmentation import Picture  # noqa: E402
from detector_data import SceneData  # noqa: E402
from fitting import Schedule, Training  # noqa: E402
from scoring import score_detector  # noqa: E402

SIDE = 64
CLASSES = ("red", "green", "blue")


def scene(split: str, index: int, seed: int) -> SimpleNamespace:
    """A square of one colour."""
    rng = np.random.default_rng([seed, index, len(split)])
    left, top, size = (*rng.integers(0, 32, 2).tolist(), int(rng.integers(12, 32)))
    class_id, image = index % 3, np.full((SIDE, SIDE, 3), 60, np.uint8)
    image[top : top + size, left : left + size, 2 - class_id] = 255
    box = np.array([[left, top, left + size, top + size]], np.float32)
    return SimpleNamespace(image=image, boxes=box, class_id=np.array([class_id]))


def options(folder: Path, *more: str):
    rows = ["--images", "8", "--validation", "4", "--batch", "4", "--epochs", "3", "--every", "2", "--processes", "1"]
    return script.parse(["--out", str(folder), *rows, *more])


class Interrupted(Exception):
    """Stands for a crash."""


def interrupt_after(monkeypatch: pytest.MonkeyPatch, epoch: int) -> None:
    original = Training.run_epoch

    def run_epoch(self: Training, batches: object) -> dict[str, float]:
        if self.epoch == epoch:
            raise Interrupted
        return original(self, batches)

    monkeypatch.setattr(Training, "run_epoch", run_epoch)


def test_resumed_equals_uninterrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "write_files", lambda *_: None)
    whole = script.train(options(tmp_path / "whole"), scene, CLASSES, SIDE)
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        interrupt_after(patch, 2)
        script.train(options(tmp_path / "parts"), scene, CLASSES, SIDE)
    parts = script.train(options(tmp_path / "parts", "--resume"), scene, CLASSES, SIDE)
    for one, other in ((whole.model, parts.model), (whole.average, parts.average)):
        for name, tensor in one.state_dict().items():
            assert torch.equal(tensor, other.state_dict()[name]), name
    log = (tmp_path / "parts" / "log.csv").read_text().splitlines()
    assert log[0] == "epoch,box,cls,dfl,ap,ap50,seconds"
    assert [line.split(",")[0] for line in log[1:]] == ["0", "1", "2"]


@pytest.mark.slow
def test_files_are_written(tmp_path: Path) -> None:
    script.train(options(tmp_path, "--epochs", "1"), scene, CLASSES, SIDE)
    made = [(tmp_path / "detector.onnx").read_bytes(), (tmp_path / "detector.npz").read_bytes()]
    (tmp_path / "detector.onnx").unlink()
    script.train(options(tmp_path, "--export-only"), scene, CLASSES, SIDE)
    assert made == [(tmp_path / "detector.onnx").read_bytes(), (tmp_path / "detector.npz").read_bytes()]


def test_begins_with_given_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = script.YOLOv8("pico", len(CLASSES))
    script.save_weights(given, tmp_path / "given.npz")
    monkeypatch.setattr(script, "write_files", lambda *_: None)
    more = ("--start", str(tmp_path / "given.npz"), "--epochs", "0")
    begun = script.train(options(tmp_path / "run", *more), scene, CLASSES, SIDE)
    for name, tensor in given.state_dict().items():
        assert torch.equal(tensor, begun.model.state_dict()[name]), name


def test_nothing_to_export_is_said(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="nothing to export"):
        script.train(options(tmp_path, "--export-only"), scene, CLASSES, SIDE)


def test_fresh_scenes_are_the_same_after_a_resume() -> None:
    went = SceneData(scene, 8, fresh=3)
    came = SceneData(scene, 8, fresh=3, epoch=1)
    try:
        list(went.batches(4))
        for one, other in zip(went.batches(4, mosaic=0.5), came.batches(4, mosaic=0.5), strict=True):
            assert torch.equal(one.images, other.images)
            assert torch.equal(one.objects.boxes, other.objects.boxes)
    finally:
        went.close()
        came.close()


def test_the_rate_rises_then_falls() -> None:
    schedule = Schedule(epochs=10, steps=10, rate=1.0, warm_up=5)
    rates = [schedule.rate_at(step) for step in range(100)]
    assert rates.index(max(rates)) == 4
    assert rates[0] == pytest.approx(0.2, abs=0.01)
    assert rates[-1] == pytest.approx(0.02, abs=0.01)


class Perfect(torch.nn.Module):
    """Says the truth of the first pictures."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        output = torch.zeros(len(images), 4 + len(CLASSES), 84)
        for row in range(len(images)):
            made = scene("validation", row, 0)
            x1, y1, x2, y2 = made.boxes[0].tolist()
            output[row, :4, 0] = torch.tensor([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1])
            output[row, 4 + int(made.class_id[0]), 0] = 0.9
        return output


def test_the_truth_scores_a_hundred() -> None:
    made = [scene("validation", index, 0) for index in range(6)]
    pictures = [Picture(one.image, one.boxes, one.class_id) for one in made]
    assert score_detector(Perfect(), pictures, CLASSES).ap == pytest.approx(100)
