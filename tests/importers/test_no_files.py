"""What is no file, or larger than any model, is refused by its kind and its size, before a byte is read."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import onnx_ir as ir
import pytest

from detquant.errors import DetquantError, ModelError, RecipeError
from detquant.families.preprocessing import chosen_preprocessing
from detquant.graph import prepare
from detquant.importers import load_model
from detquant.recipes import load_recipe
from detquant.recipes.workflow import load_workflow
from detquant.targets import load_target

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")

SUFFIXES = (
    *(
        ".onnx",
        ".xml",
        ".tflite",
        ".pb",
        ".keras",
        ".h5",
        ".cfg",
        ".weights",
        ".pt",
        ".pth",
        ".safetensors",
        ".bin",
        "",
    ),
)
TERABYTE = 10**12


def within(seconds: float, call) -> Exception:
    """What a call raises; it may not wait for anything."""
    raised: list[Exception] = []

    def run() -> None:
        try:
            call()
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), "it waits"
    return raised[0]


def put(kind: str, path: Path) -> None:
    if kind == "a named pipe":
        os.mkfifo(path)
    elif kind == "a device":
        path.symlink_to("/dev/zero")
    elif kind == "a socket":
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(path))
    elif kind == "it has 1 TB":
        with path.open("wb") as file:
            file.truncate(TERABYTE)


KINDS = ("a named pipe", "a device", "a socket", "it has 1 TB")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_model_that_is_no_file(tmp_path, kind, suffix):
    path = tmp_path / f"model{suffix}"
    put(kind, path)
    error = within(20, lambda: load_model(path))
    assert isinstance(error, ModelError) and kind in str(error) and str(path) in str(error)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_folder_named_as_a_model(tmp_path, suffix):
    (tmp_path / f"model{suffix}").mkdir()
    with pytest.raises(ModelError, match="is a folder"):
        load_model(tmp_path / f"model{suffix}")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("second", ["model.bin", "metadata.yaml"])
def test_the_other_half_of_an_ir_that_is_no_file(tmp_path, kind, second):
    (tmp_path / "model.xml").write_text('<net name="a" version="11"><layers/><edges/></net>')
    if second != "model.bin":
        (tmp_path / "model.bin").write_bytes(b"")
    put(kind, tmp_path / second)
    error = within(60, lambda: load_model(tmp_path / "model.xml"))
    assert isinstance(error, DetquantError)
    if second == "model.bin":
        assert kind in str(error) or "its other half is missing" in str(error)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("second", ["net.weights", "net.names"])
def test_the_other_half_of_a_darknet_net_that_is_no_file(tmp_path, kind, second):
    layers = "[convolutional]\nfilters=6\nsize=1\nactivation=linear\n[yolo]\nanchors=1,1\nclasses=1\n"
    (tmp_path / "net.cfg").write_text(f"[net]\nwidth=8\nheight=8\n{layers}")
    (tmp_path / "net.weights").write_bytes(bytes(16 + 4 * 24))
    (tmp_path / second).unlink(missing_ok=True)
    put(kind, tmp_path / second)
    if second == "net.names" and kind != "it has 1 TB":  # names are not needed
        assert len(load_model(tmp_path / "net.cfg").model.graph)
    else:
        assert isinstance(within(20, lambda: load_model(tmp_path / "net.cfg")), ModelError)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("load", [load_recipe, load_workflow, chosen_preprocessing])
def test_settings_that_are_no_file(tmp_path, kind, load):
    path = tmp_path / "settings.toml"
    put(kind, path)
    error = within(20, lambda: load(str(path)))
    assert isinstance(error, (RecipeError, ModelError)) and kind in str(error)


@pytest.mark.parametrize(
    "text",
    [
        b"a = " + b"[" * 100_000,
        b"a = " + b"9" * 6000,
        b"crop = 1" + b"0" * 400,
        b"mean = [1, 2, 1" + b"0" * 400 + b"]",
        b"range_tolerance = inf\n[[rules]]",
        b"name = '\xff'",
        b"a = 2024-13-45",
        b"\x00",
        b"crop = nan",
    ],
    ids=lambda text: text[:12].decode("latin-1"),
)
@pytest.mark.parametrize("load", [load_recipe, load_workflow, chosen_preprocessing])
def test_settings_that_make_no_sense_are_one_sentence(tmp_path, text, load):
    path = tmp_path / "settings.toml"
    path.write_bytes(text)
    with pytest.raises((RecipeError, ModelError)) as error:
        load(str(path))
    assert str(path) in str(error.value) and len(str(error.value)) < 400 and "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "\ud800", "none\udcff", "x/" * 3000, "\n", ""])
def test_names_that_no_file_can_have(tmp_path, name):
    with pytest.raises(ModelError):
        load_model(f"{tmp_path}/{name}.onnx")


def test_a_model_whose_name_is_no_text(tmp_path, square_model):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.onnx"))
    square_model.rename(path)
    assert load_model(path).path == path


@pytest.mark.parametrize("target", ["openvino", "tflite"])
def test_what_openvino_reads_may_have_a_name_that_is_no_text(tmp_path, target, square_proto):
    for package in {"openvino", {"openvino": "openvino", "tflite": "ai_edge_litert"}[target]}:
        pytest.importorskip(package, reason=f"{package} is not installed")
    artefact = load_target(target).lower_float(prepare(ir.from_proto(square_proto)), "fp32")
    folder = os.fsencode(tmp_path)
    for name, content in artefact.files.items():
        Path(os.fsdecode(folder + b"/caf\xe9" + Path(name).suffix.encode())).write_bytes(content)
    path = Path(os.fsdecode(folder + b"/caf\xe9" + Path(next(iter(artefact.files))).suffix.encode()))
    assert len(load_model(path).model.graph)
