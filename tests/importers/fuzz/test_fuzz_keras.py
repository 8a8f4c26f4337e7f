"""Whatever is in a Keras file, there is a model or a sentence: soon, in little memory, and nothing is run."""

from __future__ import annotations

import io
import json
import os
import warnings
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bounds import read
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import mutated
from trees import disturbed

from detquant.importers import load_model
from detquant.importers.keras.description import read_description

h5py = pytest.importorskip("h5py", reason="the extra tensorflow is not installed")

FEWER = 4
"""Of the examples, one of so many is built by Keras: that takes some tenths of a second."""


def layer(kind: str, name: str, source: str | None, **options: Any) -> dict[str, Any]:
    """A layer as Keras 3 describes it."""
    history = {"class_name": "__keras_tensor__", "config": {"shape": [1, 8, 8, 3], "dtype": "float32"}}
    history["config"]["keras_history"] = [source, 0, 0]
    return {
        "module": "keras.layers",
        "class_name": kind,
        "config": {"name": name, **options},
        "registered_name": None,
        "name": name,
        "inbound_nodes": [{"args": [history], "kwargs": {}}] if source else [],
    }


CONFIG: dict[str, Any] = {
    "module": "keras.src.models.functional",
    "class_name": "Functional",
    "config": {
        "name": "net",
        "trainable": True,
        "layers": [
            layer("InputLayer", "x", None, batch_shape=[1, 8, 8, 3], dtype="float32"),
            layer("Conv2D", "conv", "x", filters=4, kernel_size=[3, 3], strides=[2, 2], padding="same", groups=1),
            layer("ReLU", "y", "conv", max_value=6.0, negative_slope=0.0, threshold=0.0),
        ],
        "input_layers": [["x", 0, 0]],
        "output_layers": [["y", 0, 0]],
    },
    "registered_name": "Functional",
}


@cache
def weights() -> bytes:
    """model.weights.h5 of that net."""
    file = io.BytesIO()
    with h5py.File(file, "w") as store:
        place = store.create_group("layers/conv2d/vars")
        place["0"], place["1"] = np.ones((3, 3, 3, 4), np.float32), np.zeros(4, np.float32)
        store.create_group("layers/input_layer/vars")
        store.create_group("layers/re_lu/vars")
        store.create_group("vars")
    return file.getvalue()


def zipped(config: Any) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.0.0", "date_saved": "2026-01-01@00:00:00"}))
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", weights())
    return file.getvalue()


def hdf5(config: Any) -> bytes:
    """The older form: the description is an attribute."""
    file = io.BytesIO()
    with h5py.File(file, "w") as store:
        store.attrs["model_config"] = json.dumps(config)
        store.attrs["keras_version"], store.attrs["backend"] = "3.0.0", "tensorflow"
        place = store.create_group("model_weights")
        place.attrs["layer_names"] = [b"x", b"conv", b"y"]
        for name in ("x", "conv", "y"):
            place.create_group(name).attrs["weight_names"] = [b"kernel", b"bias"] if name == "conv" else []
        place["conv/kernel"], place["conv/bias"] = np.ones((3, 3, 3, 4), np.float32), np.zeros(4, np.float32)
    return file.getvalue()


WRITERS = {".keras": zipped, ".h5": hdf5}


@pytest.fixture(scope="module")
def tensorflow() -> None:
    """Loads it, which is not a file's doing."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    pytest.importorskip("openvino", reason="the extra openvino is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = pytest.importorskip("tensorflow", reason="the extra tensorflow is not installed")
        module.config.threading.set_intra_op_parallelism_threads(1)
        module.config.threading.set_inter_op_parallelism_threads(1)
        module.get_logger().setLevel("ERROR")
        module.keras.Sequential([module.keras.Input((4, 4, 3))])


def built(path: Path) -> object:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return read(lambda: load_model(path), path.stat().st_size + 200_000, factor=1000)


@pytest.mark.parametrize("suffix", WRITERS)
def test_what_is_changed_below_is_sound(suffix: str, tensorflow: None, tmp_path: Path) -> None:
    path = tmp_path / f"net{suffix}"
    path.write_bytes(WRITERS[suffix](CONFIG))
    kinds = [made.op_type for made in load_model(path).model.graph]
    assert kinds[:2] == ["Conv", "Clip"]


@pytest.mark.parametrize("suffix", WRITERS)
@given(data=st.data())
def test_the_description_in_a_sound_file_that_was_changed(data: st.DataObject, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"net{suffix}"
    path.write_bytes(data.draw(mutated(WRITERS[suffix](CONFIG))))
    read(lambda: read_description(path), path.stat().st_size + 10_000, factor=1000)


@pytest.mark.parametrize("suffix", WRITERS)
@given(tree=disturbed(CONFIG))
def test_a_description_of_other_values(tree: object, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"net{suffix}"
    path.write_bytes(WRITERS[suffix](tree))
    read(lambda: read_description(path), path.stat().st_size + 10_000, factor=1000)


@given(content=st.binary(max_size=200), head=st.sampled_from([b"", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"]))
def test_any_bytes(content: bytes, head: bytes, tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    path.write_bytes(head + content)
    read(lambda: read_description(path), 10_000, factor=1000)


@settings(max_examples=settings().max_examples // FEWER)
@given(tree=disturbed(CONFIG, most=2), suffix=st.sampled_from(sorted(WRITERS)))
def test_what_keras_builds_of_other_values(tree: object, suffix: str, tensorflow: None, tmp_path: Path) -> None:
    path = tmp_path / f"net{suffix}"
    path.write_bytes(WRITERS[suffix](tree))
    built(path)


@settings(max_examples=settings().max_examples // FEWER)
@given(data=st.data(), suffix=st.sampled_from(sorted(WRITERS)))
def test_what_keras_builds_of_a_file_that_was_changed(
    data: st.DataObject, suffix: str, tensorflow: None, tmp_path: Path
) -> None:
    path = tmp_path / f"net{suffix}"
    path.write_bytes(data.draw(mutated(WRITERS[suffix](CONFIG), most=2)))
    built(path)
