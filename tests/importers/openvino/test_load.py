"""IR files: whole ones against OpenVINO's own execution, and others that are refused in a sentence."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

openvino = pytest.importorskip("openvino", reason="the extra openvino is not installed")
from openvino import opset13 as ops  # noqa: E402

from detquant.data import open_dataset  # noqa: E402
from detquant.errors import MissingExtra, ModelError, UnsupportedOperator  # noqa: E402
from detquant.graph import OrtRunner, prepare  # noqa: E402
from detquant.importers import load_model  # noqa: E402
from detquant.pipeline.detector import load  # noqa: E402
from detquant.pipeline.evaluate import evaluate  # noqa: E402

ASSETS = Path(__file__).resolve().parents[4] / "shared" / "assets"
PEER = ASSETS / "weights/detect/peers/yolov8n_nncf_int8_640_openvino"
needs_assets = pytest.mark.skipif(not ASSETS.is_dir(), reason="../shared/assets with real detectors is absent")


def network(shape: list[int]) -> Any:
    """Convolutions, a residual, an upsampling, and two outputs: one with a name of its own, one without."""
    rng = np.random.default_rng(0)

    def conv(value: Any, outs: int, ins: int, size: int) -> Any:
        weight = ops.constant((rng.standard_normal((outs, ins, size, size)) / size).astype(np.float32))
        bias = ops.constant(rng.standard_normal((1, outs, 1, 1)).astype(np.float32))
        pads = [size // 2] * 2
        return ops.add(ops.convolution(value, weight, [1, 1], pads, pads, [1, 1]), bias)

    image = ops.parameter(shape, np.float32, "image")
    image.output(0).set_names({"image"})
    x = ops.swish(conv(image, 8, 3, 3))
    x = ops.add(x, ops.relu(conv(x, 8, 8, 3)))
    pooled = ops.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [2, 2], "floor", "explicit").output(0)
    head = conv(pooled, 6, 8, 1)
    head.output(0).set_names({"map", "12"})
    return openvino.Model([head, ops.softmax(ops.reduce_mean(x, ops.constant([2, 3]), False), 1)], [image], "net")


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """save(half=False, shape=...): the .xml of the network."""

    def write(half: bool = False, shape: tuple[int, ...] = (1, 3, 32, 32)) -> Path:
        path = tmp_path / "net.xml"
        openvino.save_model(network(list(shape)), path, compress_to_fp16=half)
        return path

    return write


@pytest.mark.parametrize("half", [False, True])
def test_an_ir_computes_what_it_did(half: bool, save, run_openvino) -> None:
    path = save(half)
    imported = load_model(path)
    assert [value.name for value in (*imported.model.graph.inputs, *imported.model.graph.outputs)] == [
        "image",
        "map",
        "output1",
    ]
    images = np.random.default_rng(1).random((1, 3, 32, 32), np.float32)
    expected = run_openvino(openvino.Core().read_model(path), [images])
    for model in (imported.model, prepare(imported.model)):
        for one, other in zip(OrtRunner(model).run({"image": images}).values(), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    assert ir.DataType.FLOAT16 not in {value.dtype for value in imported.model.graph.initializers.values()}
    content = path.read_bytes() + path.with_suffix(".bin").read_bytes()
    assert (imported.sha256, imported.size_bytes) == (hashlib.sha256(content).hexdigest(), len(content))
    assert imported.reason.startswith("openvino: an IR of")


def test_every_tensor_between_is_the_same(save, run_openvino) -> None:
    path = save()
    model = openvino.Core().read_model(path)
    kinds = ("Add", "Swish", "Relu", "MaxPool", "ReduceMean")
    nodes = [node for node in model.get_ordered_ops() if node.get_type_name() in kinds]
    model.add_outputs([node.output(0) for node in nodes])
    images = np.random.default_rng(1).random((1, 3, 32, 32), np.float32)
    tapped = path.with_name("tapped.xml")
    openvino.save_model(model, tapped, compress_to_fp16=False)
    expected = run_openvino(openvino.Core().read_model(tapped), [images])
    found = list(OrtRunner(load_model(tapped).model).run({"image": images}).values())
    assert len(found) == len(expected) >= 7
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_the_folder_may_be_named(save, tmp_path: Path) -> None:
    path = save()
    assert load_model(tmp_path).sha256 == load_model(path).sha256


def test_metadata_beside_and_inside(save, tmp_path: Path) -> None:
    path = save()
    (tmp_path / "metadata.yaml").write_text("names: {0: traffic light, 1: dog}\nimgsz: [32, 32]\n")
    assert load_model(path).metadata == {"names": "{0: 'traffic light', 1: 'dog'}", "imgsz": "[32, 32]"}
    (tmp_path / "metadata.yaml").write_text("!!python/object/apply:os.system ['true']")
    assert load_model(path).metadata == {}
    model = openvino.Core().read_model(path)
    model.set_rt_info("traffic_light dog", ["model_info", "labels"])
    other = tmp_path / "other.xml"
    openvino.save_model(model, other)
    assert load_model(other).metadata == {"detquant.classes": '["traffic light", "dog"]'}


def test_what_the_onnx_file_said_that_an_ir_is_from(save, tmp_path: Path) -> None:
    model = openvino.Core().read_model(save())
    model.set_rt_info('["cat"]', ["framework", "detquant.classes"])
    model.set_rt_info("[64, 64]", ["framework", "imgsz"])
    model.set_rt_info("dog", ["model_info", "labels"])
    other = tmp_path / "other.xml"
    openvino.save_model(model, other)
    assert load_model(other).metadata == {"detquant.classes": '["cat"]', "imgsz": "[64, 64]"}
    (tmp_path / "metadata.yaml").write_text("imgsz: [32, 32]\n")  # beside it comes first
    assert load_model(other).metadata == {"detquant.classes": '["cat"]', "imgsz": "[32, 32]"}


def test_open_sizes(save) -> None:
    path = save(shape=(-1, 3, -1, -1))
    assert tuple(load_model(path, 64).model.graph.inputs[0].shape or ()) == (1, 3, 64, 64)
    with pytest.raises(ModelError, match="pass --imgsz"):
        load_model(path)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda text: text[: len(text) // 2], "cannot be read as an OpenVINO IR"),
        (lambda text: "", "is not an OpenVINO IR but empty"),
        (lambda text: "<html></html>", "is not an OpenVINO IR but another XML file"),
        (lambda text: "hello", "is not an OpenVINO IR but another kind of file"),
        (lambda text: text.replace('type="Swish"', 'type="Swash"'), "cannot be read as an OpenVINO IR: .*Swash"),
        (lambda text: text.replace('from-layer="1"', 'from-layer="999"'), "cannot be read as an OpenVINO IR"),
        (lambda text: text.replace('offset="0"', 'offset="99999999"'), "cannot be read as an OpenVINO IR: .*weights"),
    ],
)
def test_an_xml_that_is_damaged(change: Callable[[str], str], what: str, save) -> None:
    path = save()
    path.write_text(change(path.read_text()))
    with pytest.raises(ModelError, match=what) as caught:
        load_model(path)
    assert "\n" not in str(caught.value)


def test_a_bin_that_is_missing_or_short(save) -> None:
    path = save()
    weights = path.with_suffix(".bin")
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelError, match="cannot be read as an OpenVINO IR: Incorrect weights in bin file"):
        load_model(path)
    weights.unlink()
    with pytest.raises(ModelError, match=r"its other half is missing: expected 'net.bin' in the same folder"):
        load_model(path)


def test_an_operation_without_a_row_is_named(tmp_path: Path) -> None:
    x = ops.parameter([1, 3, 8, 8], np.float32)
    openvino.save_model(openvino.Model([ops.cosh(x)], [x], "net"), tmp_path / "net.xml")
    with pytest.raises(UnsupportedOperator, match=r"has the operation Cosh \('Cosh_\d+'\), which cannot be translated"):
        load_model(tmp_path / "net.xml")


def test_the_extra_is_named_where_it_is_missing(save, monkeypatch) -> None:
    import sys

    path = save()
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingExtra, match=r"pip install 'detquant\[openvino\]'"):
        load_model(path)


@needs_assets
def test_a_real_detector_that_nncf_has_quantised() -> None:
    detector = load(PEER / "yolov8n.xml")
    assert (detector.family.name, detector.family.num_classes, detector.is_quantized) == ("yolov8", 80, True)
    weights = [node.inputs[1] for node in detector.model.graph if node.op_type == "Conv"]
    made = [value.producer() for value in weights if value is not None]
    assert sum(node is not None and node.op_type == "DequantizeLinear" for node in made) == 63


def average_precision(model: Path) -> float:
    accuracy = evaluate(load(model), open_dataset(ASSETS / "coco/coco300.yaml")).accuracy
    assert accuracy is not None
    return accuracy.ap


@needs_assets
@pytest.mark.slow
def test_a_detector_that_nncf_has_quantised_keeps_its_ap() -> None:
    assert average_precision(PEER / "yolov8n.xml") == pytest.approx(41.2, abs=0.3)


@needs_assets
@pytest.mark.slow
@pytest.mark.parametrize("half", [False, True])
def test_nanodet_has_the_same_ap_as_an_ir(half: bool, tmp_path: Path) -> None:
    source, path = ASSETS / "weights/detect/nanodet_m_416.onnx", tmp_path / "nanodet.xml"
    openvino.save_model(openvino.Core().read_model(source), path, compress_to_fp16=half)
    assert average_precision(path) == pytest.approx(24.66, abs=0.05)


@pytest.mark.parametrize("version", [2, 7, 9])
def test_an_ir_of_an_old_version_is_named_with_the_way(tmp_path, version):
    text = f'<?xml version="1.0" ?>\n<net batch="1" name="a" version="{version}"><layers/><edges/></net>'
    (tmp_path / "old.xml").write_text(text)
    (tmp_path / "old.bin").write_bytes(b"")
    with pytest.raises(ModelError, match=rf"an OpenVINO IR of version {version}, .* convert the original model again"):
        load_model(tmp_path / "old.xml")


def test_an_ir_of_version_10_is_not_refused_for_its_version(tmp_path):
    (tmp_path / "net.xml").write_text('<net name="a" version="10"><layers/><edges/></net>')
    (tmp_path / "net.bin").write_bytes(b"")
    with pytest.raises(ModelError) as error:
        load_model(tmp_path / "net.xml")
    assert "of version" not in str(error.value)
