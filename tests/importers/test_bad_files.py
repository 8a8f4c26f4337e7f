"""Bad checkpoints as a user meets them: one sentence from the command line, nothing run, no memory to speak of."""

from __future__ import annotations

import io
import os
import pickle
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from detquant.cli import main
from detquant.importers.checkpoint import Record

MEBIBYTE = 2**20
HUGE = 100 * MEBIBYTE


class Runs:
    """A pickle of it asks for a command to be run."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (self.command,)


@pytest.fixture
def refused(capsys, trap) -> Callable[[Path], str]:
    """The sentence with which the command line refuses a file; it has run nothing and taken little memory."""

    def check(path: Path) -> str:
        main(["inspect", str(path.with_name("absent.onnx"))])  # imports are no file's doing
        capsys.readouterr()
        tracemalloc.start()
        code = main(["inspect", str(path)])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        output = capsys.readouterr()
        said = output.err.splitlines()
        assert code == 2 and not output.out and len(said) == 1 and said[0].startswith("detquant: ")
        assert path.name in said[0] and said[0].endswith(".")
        assert peak < 32 * MEBIBYTE + 3 * path.stat().st_size
        assert not trap.exists()
        return said[0]

    return check


def bomb(**files: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize("form", ["zip", "stream", "pickle"])
@pytest.mark.parametrize("protocol", [2, 4])
def test_a_command_in_a_pickle(form, protocol, trap, tmp_path, refused, zip_of, as_stream):
    path = tmp_path / "model.pt"
    written = pickle.dumps({"model": Runs(f"touch '{trap}'")}, protocol=protocol)
    stream = as_stream([]).replace(b"\x80\x02](e.", written)
    path.write_bytes({"zip": zip_of(written), "stream": stream, "pickle": written}[form])
    words = "system', which no checkpoint of a detector needs: refused, and nothing of it was run"
    assert ("not one that torch.save wrote" if form == "pickle" else words) in refused(path)


def test_a_command_in_a_state_dict_that_is_sound_otherwise(trap, tmp_path, refused, zip_of, writer):
    written = writer.put({"conv.weight": np.zeros((3, 3), np.float32)})
    evil = pickle.dumps(Runs(f"touch '{trap}'"), protocol=2)[2:-1]
    path = tmp_path / "model.pth"
    path.write_bytes(zip_of(b"\x80\x02(" + written + evil + b"t.", writer.storages))
    assert "refused, and nothing of it was run" in refused(path)


def test_zip_bombs(tmp_path, refused):
    path = tmp_path / "model.pt"
    pickled = b"\x80\x02}."
    for files in ({"m/data.pkl": bytes(HUGE)}, {"a": pickled, "m/data.pkl": pickled, "m/data/0": bytes(HUGE)}):
        path.write_bytes(bomb(**files))
        assert path.stat().st_size < MEBIBYTE
        assert f"compressed entry '{next(iter(files))}'" in refused(path)


def test_a_bomb_of_entries_that_overlap(tmp_path, refused):
    """Thousands of names for the same bytes (Fifield, A better zip bomb, 2019): they are views, so nothing grows."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("m/data.pkl", b"\x80\x02}.")
        archive.writestr("m/data/0", bytes(MEBIBYTE))
        kernel = archive.infolist()[1]
        for number in range(1, 5000):
            again = zipfile.ZipInfo(f"m/data/{number}")
            for fact in ("header_offset", "file_size", "compress_size", "CRC"):
                setattr(again, fact, getattr(kernel, fact))
            archive.filelist.append(again)
        archive._didModify = True
    path = tmp_path / "model.pt"
    path.write_bytes(file.getvalue())
    assert "model.pt" in refused(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (pickle.dumps({"accuracy": 0.9}), "is a pickle, but not one that torch.save wrote"),
        (b"import torch\nmodel = torch.nn.Linear(2, 3)\n", "is not a checkpoint"),
        (b"", "is empty"),
    ],
)
def test_what_is_no_checkpoint(content, words, tmp_path, refused):
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    assert words in refused(path)


def test_a_pickle_of_torch_that_is_no_checkpoint(tmp_path, refused, as_zip):
    path = tmp_path / "labels.pt"
    path.write_bytes(as_zip({"labels": [1, 2, 3], "split": "val"}))
    assert "holds no state dict but a dict of 'labels', 'split': expected tensors by name" in refused(path)


def test_weights_of_another_net(tmp_path, refused, as_zip):
    vgg = {"features.0.weight": np.zeros((8, 3, 3, 3), np.float32), "classifier.6.bias": np.zeros(10, np.float32)}
    path = tmp_path / "vgg.pt"
    path.write_bytes(as_zip(vgg))
    assert "is the state dict of no network that is known: its 2 tensors begin with 'features.0.weight'" in refused(
        path
    )


def test_weights_of_another_version_of_a_net(tmp_path, refused, safetensors):
    pytest.importorskip("torch")
    names = [f"layer{stage}.0.conv1.weight" for stage in (1, 2, 3)]
    other = {name: np.zeros((8, 8, 3, 3), np.float32) for name in names}
    other |= {"conv1.weight": np.zeros((16, 3, 3, 3), np.float32), "linear.weight": np.zeros((10, 64), np.float32)}
    path = tmp_path / "resnet.safetensors"
    path.write_bytes(safetensors(other))
    assert "looks like a ResNet-8 for CIFAR of 10 classes, but 'bn1.bias' is missing (and" in refused(path)


def test_weights_of_another_darknet_net(tmp_path, refused):
    cfg = tmp_path / "net.cfg"
    cfg.write_text(
        "[net]\nwidth=8\nheight=8\n[convolutional]\nfilters=6\nsize=1\nactivation=linear\n[yolo]\nanchors=1,1\nclasses=1\n"
    )
    cfg.with_suffix(".weights").write_bytes(bytes(20) + np.zeros(999, "<f4").tobytes())
    assert "The files are not of one net: the 1 convolutional layers of 'net.cfg' take 24 numbers" in refused(cfg)


def test_a_layer_that_is_not_known(tmp_path, refused, as_zip):
    block = Record("ultralytics.nn.modules.block.A2C2f", (), {"_modules": {}})
    model = Record("ultralytics.nn.tasks.DetectionModel", (), {"_modules": {"model": block}})
    path = tmp_path / "yolo12n.pt"
    path.write_bytes(as_zip({"model": model}))
    assert "found ultralytics.nn.tasks.DetectionModel with A2C2f; expected YOLOv5, YOLOv7, YOLOv8" in refused(path)
    cfg = tmp_path / "net.cfg"
    cfg.write_text("[net]\nwidth=8\nheight=8\n[crnn]\noutput=9\n")
    cfg.with_suffix(".weights").write_bytes(bytes(20))
    assert "line 4, [crnn]: the section is not known here: Known: convolutional" in refused(cfg)
