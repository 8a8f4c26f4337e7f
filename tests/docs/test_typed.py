"""The commands of the pages, typed as they stand there: with the embedded model, or with files of the names told."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import onnx
import pytest
from told import Command, blocks, commands

import detquant
from detquant.cli import main
from detquant.data import export_scenes

LIMITS = {
    "quantize": {"--calib": "4", "--val-limit": "2"},
    "evaluate": {"--val-limit": "2"},
    "choose": {"--calib": "2", "--val-limit": "2"},
    "benchmark": {"--runs": "1"},
    "sensitivity": {"--calib": "2", "--images": "1", "--jobs": "1"},
    "mixed-precision": {"--calib": "2", "--images": "1", "--jobs": "1"},
    "demo": {"--images": "2", "--calib": "2"},
    "doctor": {"--images": "4"},
    "scenes": {"--images": "2", "--validation": "2"},
    "verify": {},
    "predict": {},
}
"""Options that are added, or put in place of what a page says: so each command takes seconds."""

NOT_TYPED = {
    "fetch": "goes to the network",
    "workflow": "goes to the network, for weights and images",
    "--cluster": "needs machines of a cluster",
    "--sensitivity": "needs the losses of a run before, which is long",
    "--max-drop": "measures many models",
    "--budget": "measures every layer",
    "w4a4-finetune": "trains for minutes; tests/algorithms/finetune run it",
    "prune30-w8a8": "its own tests run it, on a network that it prunes in seconds",
    "cluster16-w8a8": "its own tests run it",
    "yolov8n.pt": "needs a checkpoint of Ultralytics",
    "model.onnx": "is a file of any family; tests/families have one of each",
    "naive.onnx": "needs a file that another tool made",
    "yolo.onnx": "needs a file that is fed wrongly; tests/pipeline/doctor make such",
    "hw": "is the folder of a checkpoint of Ultralytics",
    "docs/runtimes/verilog.md": "tests/targets/verilog write such folders and prove them",
}
"""Commands that are looked at and not typed: the command, an option, a name, or a page, and the reason."""


def why_not(command: Command) -> str | None:
    """Why a command is not typed; None where it is."""
    words = {command.page, *command.words}
    return next((reason for one, reason in NOT_TYPED.items() if one in words), None)


WHOLE = [one for one in commands() if one.words[0] == "detquant" and not one.inline]
TYPED = [one for one in WHOLE if why_not(one) is None]


def limited(words: Sequence[str]) -> list[str]:
    """A command with the limits of the tests."""
    words = list(words)
    for option, value in LIMITS.get(words[0], {}).items():
        if option in words:
            words[words.index(option) + 1] = value
        else:
            words += [option, value]
    return words


def is_embedded(command: Command) -> bool:
    """Whether a command names what ships with detquant, which is slower than the small detector."""
    return not {"yolov8n.onnx", "int8/model.onnx", "yolox_nano.onnx"} & {*command.words}


@pytest.fixture
def desk(tmp_path, monkeypatch, square_proto, square_data) -> Path:
    """A folder in which the files lie that the pages name: a small detector, photographs, labels."""
    data = square_data(images=4)
    place = tmp_path / "desk"
    shutil.copytree(data.parent, place)
    for name in ("yolov8n.onnx", "yolox_nano.onnx"):
        onnx.save(square_proto, place / name)
    shutil.copytree(place / "images/val", place / "photos")
    shutil.copy(place / "images/val/v0.png", place / "photo.jpg")
    monkeypatch.chdir(place)
    return place


def test_three_commands_from_a_model_to_its_pictures_in_float_and_int8(desk, capsys):
    [three] = [block for block in blocks() if block.page == "README.md" and "photos/" in block.text]
    assert three.text in {block.text for block in blocks() if block.page == "docs/start.md"}
    three = [one for one in TYPED if one.where == str(three)]
    assert [one.words[1] for one in three] == ["quantize", "predict", "predict"]
    for command in three:
        assert main(limited(command.words[1:])) == 0, str(command)
    pictures = [sorted(path.name for path in (desk / f"seen-in-{one}").glob("*.png")) for one in ("float", "int8")]
    assert pictures[0] == pictures[1] == [f"v{number}.png" for number in range(4)]
    names = detquant.load("int8/model.onnx").family.classes
    for one in detquant.predict("int8/model.onnx", ["photos/v0.png"]):
        assert [names[number] for number in one.detections.class_id] == ["person", "person"]


AS_THEY_ARE = {"plan", "inspect", "export", "report", "zoo", "recipes", "targets"}
"""Commands that take no images, or few."""


def test_what_is_not_typed_has_a_reason_that_still_holds():
    words = {word for one in WHOLE for word in (one.page, *one.words)}
    assert NOT_TYPED.keys() <= words
    assert LIMITS.keys() >= {one.words[1] for one in TYPED} - AS_THEY_ARE


@pytest.mark.slow
@pytest.mark.parametrize("command", [one for one in TYPED if not is_embedded(one)], ids=str)
def test_a_command_with_files_of_the_users(command, desk, capsys):
    if "int8/model.onnx" in command.words:
        assert (
            main(["quantize", "yolov8n.onnx", "--data", "data.yaml", *limited(["quantize"])[1:], "--out", "int8"]) == 0
        )
    assert main(limited(command.words[1:])) == 0


@pytest.mark.slow
@pytest.mark.parametrize("command", [one for one in TYPED if is_embedded(one)], ids=str)
def test_a_command_with_the_embedded_model(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for one in command.words:  # what a command before it has left
        folder = Path(one).parent
        if one.endswith("/model.onnx"):
            place = ["--target", folder.name.removeprefix("pico-")] if folder.name != "pico-int8" else []
            made = ["quantize", "yolov8-pico", "--data", "scenes", *place, "--out", str(folder)]
            assert main(limited(made)) == 0
        if one.startswith("shapes/"):
            export_scenes(tmp_path / "shapes", 2, 0, validation=2)
    assert main(limited(command.words[1:])) == 0
