"""A training loop of the user's own from the call to the file, as docs/training.md has it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import detquant
from detquant.errors import OptionError, RecipeError

PAGE = Path(__file__).parents[2] / "docs" / "training.md"


def test_the_ten_lines_of_the_page_train_and_write_the_file(square_model, square_data, tmp_path, monkeypatch):
    torch = pytest.importorskip("torch", reason="the extra torch is not installed")
    if not PAGE.is_file():
        pytest.skip("docs/ is absent")
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    [block] = [one for one in blocks if "def train(module)" in one]
    losses, whole, data = [], detquant.quantize, square_data()

    def my_loss(outputs, wanted):
        losses.append((outputs[0] / 96 - wanted).square().mean())
        return losses[-1]

    def on_squares(model, images, **options):  # the page's model takes longer
        return whole(square_model, data, calib=4, val_limit=4, **options)

    images = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(detquant, "quantize", on_squares)
    monkeypatch.chdir(tmp_path)
    names = {"batches": [(images, torch.tensor(0.2))] * 3, "my_loss": my_loss}
    exec(compile(block, f"{PAGE.name}, ten lines", "exec"), names)
    assert len(losses) == 3 and losses[-1] < losses[0]
    assert (tmp_path / "yolov8-pico-trained" / "model.tflite").is_file()
    said = [note.sentence for note in names["result"].report.subject.notes if note.step == "training"]
    assert len(said) == 1 and "a loop of the user's own moved" in said[0]


def test_a_loop_is_of_one_model_in_integers(square_model, square_data):
    with pytest.raises(OptionError, match="leave train out, or budget, max_drop and engine"):
        detquant.quantize(square_model, square_data(), budget="5bits", train=print)
    with pytest.raises(RecipeError, match="nothing on the grids of integers to train"):
        detquant.quantize(square_model, square_data(), recipe="fp16", train=print)
