"""Keras files, compared with Keras's own execution; and files that must not be built."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras_nets import small, ssd_mobilenet_v1
from saving import quiet

from detquant.errors import ModelError
from detquant.importers import load_model


def image(side: int) -> np.ndarray:
    coarse = np.random.default_rng(0).uniform(0, 255, (1, side // 10 + 1, side // 10 + 1, 3))
    return np.repeat(np.repeat(coarse, 10, axis=1), 10, axis=2)[:, :side, :side].astype(np.float32)


def save(model: Any, path: Path) -> Path:
    with quiet():
        model.save(str(path))
    return path


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_small_net_of_many_layers(suffix, tensorflow, tmp_path, compare) -> None:
    model = small(tensorflow.keras)
    path = save(model, tmp_path / f"small{suffix}")
    imported = compare(path, image(64), [np.asarray(one) for one in model(image(64), training=False)])
    assert [value.name for value in imported.model.graph.inputs] == ["image"]
    assert [value.name for value in imported.model.graph.outputs] == ["map", "scores"]
    assert imported.reason.startswith("keras: a Keras model 'small' of")


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_ssd_mobilenet_v1(suffix, tensorflow, tmp_path, compare) -> None:
    model = ssd_mobilenet_v1(tensorflow.keras, maps=True)
    path = save(model, tmp_path / f"ssd{suffix}")
    imported = compare(path, image(300), [np.asarray(one) for one in model(image(300), training=False)])
    assert [value.name for value in imported.model.graph.outputs][:2] == ["raw_boxes", "raw_scores"]


def test_an_open_batch_and_size(tensorflow, tmp_path, compare) -> None:
    model = small(tensorflow.keras, None, None)
    path = save(model, tmp_path / "small.keras")
    compare(path, image(48), [np.asarray(one) for one in model(image(48), training=False)], imgsz=48)
    with pytest.raises(ModelError, match="pass --imgsz"):
        load_model(path)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_lambda_is_refused_and_never_run(suffix, tensorflow, tmp_path) -> None:
    keras = tensorflow.keras
    given = keras.Input((8, 8, 3), batch_size=1)
    path = save(keras.Model(given, keras.layers.Lambda(lambda x: x * 2)(given)), tmp_path / f"net{suffix}")
    with pytest.raises(
        ModelError, match=r"has a Lambda layer, which carries code .* nothing in a model file is executed"
    ):
        load_model(path)


def test_a_layer_of_someone_elses_is_refused(tensorflow, tmp_path) -> None:
    keras = tensorflow.keras

    class Mine(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x

    given = keras.Input((8, 8, 3), batch_size=1)
    path = save(keras.Model(given, Mine()(given)), tmp_path / "net.keras")
    with pytest.raises(ModelError, match="has a Mine of the module"):
        load_model(path)


def archive(path: Path, entries: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries.items():
            file.writestr(name, content)
    return path


def config(**entry: Any) -> str:
    return json.dumps({"class_name": "Functional", "module": "keras", "config": {"name": "x", "layers": [entry]}})


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        ({"class_name": "system", "module": "os"}, "has a system of the module 'os'"),
        ({"class_name": "x", "module": "kerasevil.layers"}, "of the module 'kerasevil.layers'"),
        ({"class_name": "TFSMLayer", "module": "keras.layers"}, "has a TFSMLayer layer, which carries code"),
        ({"class_name": "Package>Mine"}, "registered by its author"),
        ({"class_name": "Dense", "config": {"activation": {"class_name": "__lambda__"}}}, "has a __lambda__ layer"),
    ],
)
def test_what_a_description_must_not_name(entry, what, tmp_path) -> None:
    path = archive(tmp_path / "net.keras", {"config.json": config(**entry), "model.weights.h5": b""})
    with pytest.raises(ModelError, match=what):
        load_model(path)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path) -> None:
    path = archive(tmp_path / "net.keras", {"config.json": config(), "model.weights.h5": bytes(50 << 20)})
    with pytest.raises(ModelError, match=r"that holds .* this is refused"):
        load_model(path)


@pytest.mark.parametrize(
    ("entries", "what"),
    [
        ({"config.json": "{"}, "expected config.json and model.weights.h5"),
        ({"config.json": "{", "model.weights.h5": b""}, "its description of the model is no JSON"),
        ({"config.json": "[" * 100_000, "model.weights.h5": b""}, "is no JSON|nested deeper"),
        ({"config.json": "[" * 500 + "]" * 500, "model.weights.h5": b""}, "nested deeper|is no JSON"),
        ({"readme.txt": "hello"}, "found readme.txt"),
    ],
)
def test_archives_that_are_no_models(entries, what, tmp_path) -> None:
    with pytest.raises(ModelError, match=what):
        load_model(archive(tmp_path / "net.keras", entries))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize(
    "content", [b"", b"hello" * 100, b"\x89HDF\r\n\x1a\n" + bytes(100), b"PK\x03\x04" + bytes(100)]
)
def test_garbage(content, suffix, tmp_path) -> None:
    pytest.importorskip("h5py", reason="the extra tensorflow is not installed")
    path = tmp_path / f"net{suffix}"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"is empty|is neither HDF5 nor|truncated or damaged"):
        load_model(path)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_file_cut_short(suffix, share, tensorflow, tmp_path) -> None:
    keras = tensorflow.keras
    given = keras.Input((8, 8, 3), batch_size=1)
    path = save(keras.Model(given, keras.layers.Conv2D(4, 3)(given)), tmp_path / f"net{suffix}")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelError) as caught:
        load_model(path)
    assert "\n" not in str(caught.value)


def test_weights_without_a_model(tensorflow, tmp_path) -> None:
    model = small(tensorflow.keras)
    with quiet():
        model.save_weights(str(tmp_path / "net.weights.h5"))
    with pytest.raises(ModelError, match="holds weights without a model"):
        load_model(tmp_path / "net.weights.h5")


def test_hdf5_that_takes_data_from_elsewhere(tmp_path) -> None:
    h5py = pytest.importorskip("h5py", reason="the extra tensorflow is not installed")
    for name, change in (
        ("link", lambda file: file.__setitem__("w", h5py.ExternalLink("elsewhere.bin", "/"))),
        ("data", lambda file: file.create_dataset("w", (8,), "u1", external=[("elsewhere.bin", 0, 8)])),
    ):
        path = tmp_path / f"{name}.h5"
        with h5py.File(path, "w") as file:
            file.attrs["model_config"] = config()
            change(file)
        with pytest.raises(ModelError, match=r"takes 'w' from (elsewhere|another file).* this is refused"):
            load_model(path)


@pytest.mark.parametrize("size", ["1000000000", "1e400", "-1e400", "NaN", "1" + "0" * 400, "[3, 10000000]"])
@pytest.mark.parametrize("key", ["units", "filters", "kernel_size", "batch_shape"])
def test_a_layer_of_a_size_that_no_memory_holds(key, size, tmp_path) -> None:
    text = '{"class_name": "Functional", "config": {"layers": [{"class_name": "Dense", "config": {"%s": %s}}]}}'
    path = archive(tmp_path / "net.keras", {"config.json": text % (key, size), "model.weights.h5": b""})
    with pytest.raises(ModelError, match=f"a layer whose {key} is .*: no detector has more than 1048576"):
        load_model(path)


def test_hdf5_of_terabytes_that_are_not_there(tmp_path) -> None:
    h5py = pytest.importorskip("h5py", reason="the extra tensorflow is not installed")
    path = tmp_path / "net.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = config()
        file.create_dataset("w", (10**6, 10**6), "f4", chunks=(1000, 1000))
    assert path.stat().st_size < 10**5
    with pytest.raises(ModelError, match="whose arrays are absurdly larger than it"):
        load_model(path)
