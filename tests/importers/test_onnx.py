from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from detquant.errors import ModelError
from detquant.importers import load_model
from detquant.importers import onnx as importer

WEIGHTS = Path(__file__).resolve().parents[3] / "shared" / "assets" / "weights" / "detect"
KERNEL = np.arange(4 * 3 * 3 * 3, dtype=np.float32).reshape(4, 3, 3, 3)


def proto() -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"])],
        "test",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 4, 6, 6])],
        [numpy_helper.from_array(KERNEL, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"stride": "32", "imgsz": "[640, 640]"})
    return model


@pytest.fixture
def path(tmp_path) -> Path:
    file = tmp_path / "model.onnx"
    file.write_bytes(proto().SerializeToString())
    return file


@pytest.fixture
def external(tmp_path) -> Path:
    """A model whose weights lie in model.data."""
    file = tmp_path / "model.onnx"
    onnx.save_model(proto(), str(file), save_as_external_data=True, location="model.data", size_threshold=0)
    return file


def point_at(path: Path, location: str) -> None:
    model = onnx.load(str(path), load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        if entry.key == "location":
            entry.value = location
    path.write_bytes(model.SerializeToString())


def refused(path: Path) -> str:
    with pytest.raises(ModelError) as error:
        load_model(path)
    sentence = str(error.value)
    assert "\n" not in sentence and path.name in sentence
    return sentence


def test_a_model_and_what_is_known_about_its_file(path):
    imported = load_model(str(path))
    content = path.read_bytes()
    assert imported.path == path
    assert imported.sha256 == hashlib.sha256(content).hexdigest()
    assert imported.size_bytes == len(content)
    assert imported.metadata == {"stride": "32", "imgsz": "[640, 640]"}
    assert [node.op_type for node in imported.model.graph] == ["Conv"]


def test_a_model_of_another_name_is_known_by_its_head(path):
    other = path.rename(path.with_name("model.bin"))
    assert len(load_model(other).model.graph) == 1


def test_missing_folder_and_unknown_kind(tmp_path):
    assert "does not exist" in refused(tmp_path / "nothing.onnx")
    (tmp_path / "folder.onnx").mkdir()
    assert "is a folder" in refused(tmp_path / "folder.onnx")
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(100))
    assert "is not a model that can be read" in refused(tmp_path / "photo.jpg")


@pytest.mark.parametrize("name", ["nothing.onnx", "folder"])
def test_the_importer_alone_says_so_too(tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(ModelError, match=r"does not exist|is a folder"):
        importer.load(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "a JPEG image"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "a PNG image"),
        (b"PK\x03\x04" + bytes(100), "a ZIP archive"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
        (b"<!DOCTYPE html><html>", "an HTML"),
        (b"\x1c\x00\x00\x00TFL3" + bytes(100), "a TFLite model"),
        (b"just some words, and a few more\n", "not an ONNX model but text"),
        (b"\x00\x01\x02\x03" * 50, "some other kind of file"),
    ],
)
def test_other_files_are_called_by_what_they_are(tmp_path, content, sentence):
    file = tmp_path / "model.onnx"
    file.write_bytes(content)
    assert sentence in refused(file)


def test_a_file_cut_anywhere_is_refused(path):
    content = path.read_bytes()
    for end in range(2, len(content), 7):
        path.write_bytes(content[:end])
        with pytest.raises(ModelError, match=r"truncated or damaged|without nodes"):
            load_model(path)


def test_random_bytes_inside_never_give_anything_but_a_sentence(path):
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(content)
        for position in rng.integers(0, len(content), 3):
            damaged[position] = rng.integers(256)
        path.write_bytes(bytes(damaged))
        try:
            load_model(path)
        except ModelError as error:
            assert str(error)


@pytest.mark.parametrize("field", ["raw_data", "float_data"])
def test_an_initializer_shorter_than_its_shape_is_refused(path, field):
    model = proto()
    weight = model.graph.initializer[0]
    if field == "raw_data":
        weight.raw_data = weight.raw_data[:-8]
    else:
        weight.ClearField("raw_data")
        weight.float_data.extend([1.0] * 5)
    path.write_bytes(model.SerializeToString())
    assert "initializer 'w'" in refused(path)


def test_a_value_that_nothing_makes_is_refused(path):
    model = proto()
    model.graph.node[0].input[1] = "ghost"
    path.write_bytes(model.SerializeToString())
    assert "a node of kind Conv reads 'ghost', which nothing makes" in refused(path)


def test_an_output_that_nothing_makes_is_refused(path):
    model = proto()
    model.graph.output[0].name = "ghost"
    path.write_bytes(model.SerializeToString())
    assert "output 'ghost' is made by no node" in refused(path)


def test_nodes_in_a_circle_are_refused(path):
    model = proto()
    model.graph.node.extend([helper.make_node("Add", ["y", "b"], ["a"]), helper.make_node("Neg", ["a"], ["b"])])
    path.write_bytes(model.SerializeToString())
    assert "is damaged" in refused(path)


def test_nodes_in_the_wrong_order_are_sorted(path):
    model = proto()
    model.graph.node.insert(0, helper.make_node("Relu", ["y"], ["z"]))
    model.graph.output[0].name = "z"
    path.write_bytes(model.SerializeToString())
    assert [node.op_type for node in load_model(path).model.graph] == ["Conv", "Relu"]


def test_a_graph_without_nodes_is_refused(path):
    model = proto()
    del model.graph.node[:]
    path.write_bytes(model.SerializeToString())
    assert "without nodes" in refused(path)


def test_external_data_is_read_and_counted(external):
    imported = load_model(external)
    weight = imported.model.graph.initializers["w"].const_value
    assert weight is not None and np.array_equal(weight.numpy(), KERNEL)
    parts = external.read_bytes() + external.with_name("model.data").read_bytes()
    assert imported.size_bytes == len(parts)
    assert imported.sha256 == hashlib.sha256(parts).hexdigest()


def test_external_data_is_found_from_a_relative_path(external, monkeypatch):
    monkeypatch.chdir(external.parent)
    assert len(load_model("model.onnx").model.graph) == 1


def test_external_data_with_several_hard_links_is_read(external):
    os.link(external.with_name("model.data"), external.with_name("cache.data"))
    assert len(load_model(external).model.graph) == 1


def test_missing_external_data_is_called_by_name(external):
    external.with_name("model.data").unlink()
    assert "'model.data', which is missing" in refused(external)


def test_short_external_data_is_refused(external):
    data = external.with_name("model.data")
    data.write_bytes(data.read_bytes()[:-4])
    assert "too short: 'w' needs 432 bytes from 0, and the file has 428" in refused(external)


@pytest.mark.parametrize("location", ["../outside.data", "/etc/hostname", "link.data"])
def test_external_data_outside_the_folder_is_refused(tmp_path, external, location):
    outside = tmp_path.parent / "outside.data"
    outside.write_bytes(KERNEL.tobytes())
    external.with_name("link.data").symlink_to(outside)
    point_at(external, location)
    assert "outside the model's folder" in refused(external)


@pytest.mark.parametrize("name", ["yolov8n.onnx", "yolox_nano.onnx", "nanodet_m_416.onnx"])
def test_real_detectors(name):
    file = WEIGHTS / name
    if not file.is_file():
        pytest.skip(f"the trained detector {name} is not beside the checkout")
    assert load_model(file).size_bytes == file.stat().st_size


def test_names_that_are_no_text_still_join_the_graph(path):
    content = proto().SerializeToString().replace(b"\x01w", b"\x01\xff").replace(b"stride", b"strid\xe9")
    path.write_bytes(content)
    imported = load_model(path)
    assert list(imported.model.graph.initializers) == ["\\xff"] and imported.metadata["strid\\xe9"] == "32"
    assert imported.model.graph[0].inputs[1] is imported.model.graph.initializers["\\xff"]


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"offset": "9" * 6000}, "an offset or a length that is no number"),
        ({"offset": "٣"}, "an offset or a length that is no number"),
        ({"offset": "-4"}, "an offset or a length that is no number"),
        ({"length": "1e3"}, "an offset or a length that is no number"),
        ({"offset": "9" * 18}, "too short"),
        ({"length": "9" * 18}, "too short"),
        ({"offset": "428"}, "too short"),
        ({"length": "8"}, "needs 432 bytes and has 8"),
        ({"location": ""}, "outside the model's folder"),
        ({"location": "."}, "a folder, not a file"),
        ({"location": "a\0b"}, "cannot be read"),
        ({"location": "x" * 5000}, "cannot be read"),
    ],
)
def test_external_data_that_makes_no_sense_is_refused_before_it_is_read(external, entries, words):
    model = onnx.load(str(external), load_external_data=False)
    [weight] = model.graph.initializer
    held = {entry.key: entry.value for entry in weight.external_data} | entries
    del weight.external_data[:]
    for key, value in held.items():
        weight.external_data.add(key=key, value=value)
    external.write_bytes(model.SerializeToString())
    sentence = refused(external)
    assert words in sentence and len(sentence) < 600


def test_external_data_that_is_a_pipe_is_refused(external):
    external.with_name("model.data").unlink()
    os.mkfifo(external.with_name("model.data"))
    assert "it is a named pipe, not a file" in refused(external)


def test_one_file_cannot_be_asked_for_again_and_again(external):
    """A thousand tensors of the same gigabyte would be a terabyte."""
    model = onnx.load(str(external), load_external_data=False)
    with external.with_name("model.data").open("wb") as file:
        file.truncate(3 << 30)
    [weight] = model.graph.initializer
    weight.dims[:] = [3 << 30]
    weight.data_type = onnx.TensorProto.INT8
    for entry in weight.external_data:
        if entry.key == "length":
            entry.value = str(3 << 30)
    external.write_bytes(model.SerializeToString())
    assert "asks for more than 2.15 GB of external data" in refused(external)


@pytest.mark.parametrize("dims", [[2**31, 2**31], [2**62], [-1, 3], [2**40, 0, 2**40]])
def test_a_tensor_of_a_shape_without_its_bytes_is_refused(path, dims):
    model = proto()
    model.graph.initializer[0].dims[:] = dims
    path.write_bytes(model.SerializeToString())
    assert "initializer 'w'" in refused(path)
    model.graph.initializer[0].ClearField("raw_data")
    path.write_bytes(model.SerializeToString())
    assert "initializer 'w'" in refused(path)


def test_a_constant_inside_a_node_may_not_lie_outside_the_folder_either(path):
    model = proto()
    constant = helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(KERNEL))
    tensor = constant.attribute[0].t
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/hostname")
    del model.graph.initializer[:]
    model.graph.node.insert(0, constant)
    path.write_bytes(model.SerializeToString())
    assert "outside the model's folder" in refused(path)
