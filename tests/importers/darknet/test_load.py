"""A net in, the same maps out."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnx_ir as ir
import pytest
from darknet_nets import EVERY_LAYER, yolov4, yolov4_tiny
from darknet_reference import forward, sections, write_weights

from detquant.data.scenes import scene
from detquant.families import COCO_NAMES
from detquant.graph import prepare
from detquant.graph.activations import find_activations
from detquant.graph.decode_tail import find_decode_tail
from detquant.graph.running import OrtRunner
from detquant.graph.taps import with_taps_only
from detquant.importers import load_model
from detquant.importers.darknet.cfg import read_cfg
from detquant.importers.darknet.layers import build
from detquant.pipeline.detector import load
from detquant.pipeline.quantize import quantize

WEIGHTS = Path(__file__).resolve().parents[4] / "shared" / "assets" / "weights" / "detect"


def write(folder: Path, text: str, version: tuple[int, int] = (0, 2)) -> tuple[Path, dict[int, list]]:
    cfg = folder / "net.cfg"
    cfg.write_text(text)
    return cfg, write_weights(folder / "net.weights", text, version)


def image(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(3).random((1, 3, height, width), np.float32)


@pytest.mark.parametrize("version", [(0, 1), (0, 2), (0, 3)])
def test_every_layer_gives_what_darknet_gives(tmp_path: Path, version: tuple[int, int]) -> None:
    cfg, arrays = write(tmp_path, EVERY_LAYER, version)
    expected = forward(EVERY_LAYER, arrays, image(29, 37)[0])
    names = [value.name or "" for value in build(read_cfg(cfg)[0])[0].layers]
    assert len(names) == len(expected) == 19
    model = load_model(cfg).model
    found = OrtRunner(with_taps_only(model, set(names)), optimisation="none").run({"images": image(29, 37)})
    for name, array in zip(names, expected, strict=True):
        np.testing.assert_allclose(found[name][0], array, rtol=1e-4, atol=1e-5, err_msg=name)


def test_prepared_the_net_is_the_same(tmp_path: Path) -> None:
    cfg, _ = write(tmp_path, EVERY_LAYER)
    model = load_model(cfg).model
    onnx.checker.check_model(ir.to_proto(model), full_check=True)
    prepared = prepare(model)
    assert "BatchNormalization" in {node.op_type for node in model.graph}
    assert "BatchNormalization" not in {node.op_type for node in prepared.graph}
    feed = {"images": image(29, 37)}
    for name, array in OrtRunner(model).run(feed).items():
        np.testing.assert_allclose(OrtRunner(prepared).run(feed)[name], array, rtol=1e-4, atol=1e-5)


def test_mish_and_silu_are_one_operator_each_and_heads_are_known(tmp_path: Path) -> None:
    cfg, _ = write(tmp_path, EVERY_LAYER)
    graph = prepare(load_model(cfg).model).graph
    assert sorted(one.kind for one in find_activations(graph).values()) == ["mish", "silu"]
    tail = find_decode_tail(graph)
    assert [node.name for node in tail.head_convs] == ["layer_014/conv", "layer_017/conv"]
    assert not tail.nodes


def test_the_metadata_says_how_to_decode(tmp_path: Path) -> None:
    cfg, _ = write(tmp_path, EVERY_LAYER)
    imported = load_model(cfg)
    assert imported.metadata == imported.model.metadata_props
    assert imported.metadata["detquant.family"] == "yolov4"
    assert json.loads(imported.metadata["detquant.yolo"]) == {
        "classes": 2,
        "nms": "default",
        "resize": "letterbox",
        "heads": [
            {
                "output": "layer_014/conv",
                "anchors": [[4, 5], [8, 6], [10, 12]],
                "stride": [37 / 5, 29 / 4],
                "scale_x_y": 1.0,
            },
            {"output": "layer_017/conv", "anchors": [[4, 5], [10, 12]], "stride": [37 / 5, 29 / 4], "scale_x_y": 1.1},
        ],
    }
    assert load(cfg).family.name == "yolov4"


def test_coordinates_of_yolov4_csp_are_told(tmp_path: Path) -> None:
    cfg, _ = write(tmp_path, EVERY_LAYER.replace("[yolo]", "[yolo]\nnew_coords=1", 1))
    first, second = json.loads(load_model(cfg).metadata["detquant.yolo"])["heads"]
    assert (first["sizes"], first["chances"]) == ("squared", True)
    assert "sizes" not in second and "chances" not in second


def test_either_file_may_be_named_and_the_digest_is_the_same(tmp_path: Path) -> None:
    cfg, _ = write(tmp_path, EVERY_LAYER)
    weights = cfg.with_suffix(".weights")
    both = cfg.read_bytes() + weights.read_bytes()
    for path in (cfg, weights):
        imported = load_model(path)
        assert imported.path == path
        assert imported.sha256 == hashlib.sha256(both).hexdigest()
        assert imported.size_bytes == len(both)


def test_a_cfg_as_windows_writes_it(tmp_path: Path) -> None:
    cfg, _ = write(tmp_path, EVERY_LAYER)
    names = [node.name for node in load_model(cfg).model.graph]
    cfg.write_bytes(b"\xef\xbb\xbf" + EVERY_LAYER.replace("\n", "\r\n").encode())
    assert [node.name for node in load_model(cfg).model.graph] == names


@pytest.mark.parametrize(
    ("name", "content", "first"),
    [
        (None, "", "class 0"),
        ("net.names", "cat\n\ndog\n", "cat"),
        ("voc.names", "cat\ndog\n", "cat"),
        ("coco.names", "\n".join(COCO_NAMES), "class 0"),
    ],
)
def test_class_names(tmp_path: Path, name: str | None, content: str, first: str) -> None:
    cfg, _ = write(tmp_path, EVERY_LAYER)
    if name:
        (tmp_path / name).write_text(content)
    assert load(cfg).family.classes[0] == first


def test_yolov4_tiny_is_read_and_runs(tmp_path: Path) -> None:
    text = yolov4_tiny(96)
    cfg, arrays = write(tmp_path, text)
    # The published yolov4-tiny.weights has 24 251 276 bytes.
    assert cfg.with_suffix(".weights").stat().st_size == 24_251_276
    found = list(OrtRunner(load_model(cfg).model).run({"images": image(96, 96)}).values())
    assert [one.shape for one in found] == [(1, 255, 3, 3), (1, 255, 6, 6)]
    maps = forward(text, arrays, image(96, 96)[0])
    heads = [index for index, (kind, _) in enumerate(sections(text)[1:]) if kind == "yolo"]
    for one, head in zip(found, heads, strict=True):
        np.testing.assert_allclose(one[0], maps[head], rtol=1e-3, atol=1e-3)


def test_yolov4_has_its_size_and_its_maps(tmp_path: Path) -> None:
    cfg = tmp_path / "yolov4.cfg"
    cfg.write_text(yolov4())
    network, heads = build(read_cfg(cfg)[0])
    numbers = sum(int(np.prod(parameter.shape)) for parameter in network.parameters)
    assert 20 + 4 * numbers == 257_717_640  # the published yolov4.weights
    assert [tuple(value.shape or ()) for value in network.outputs] == [(1, 255, n, n) for n in (76, 38, 19)]
    assert [head.scale_x_y for head in heads.heads] == [1.2, 1.1, 1.05]
    assert [head.stride for head in heads.heads] == [(8, 8), (16, 16), (32, 32)]
    assert network.number == 162


@pytest.mark.slow
def test_yolov4_runs_and_is_quantized(tmp_path: Path) -> None:
    cfg, _ = write(tmp_path, yolov4(128))
    detector = load(cfg)
    found = OrtRunner(detector.model).run({"images": image(128, 128)})
    assert [one.shape[1:] for one in found.values()] == [(255, n, n) for n in (16, 8, 4)]
    assert all(np.isfinite(one).all() for one in found.values())
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for index in range(3):
        cv2.imwrite(str(pictures / f"{index}.png"), scene("train", index).image)
    result = quantize(detector, pictures, calib=3)
    assert result.report.figures()["images"] == 3 and result.report.figures()["int8"]["operators"] > 0
    result.save(tmp_path / "out")
    assert load(tmp_path / "out/model.onnx").family.name == "yolov4"
    assert sum(one.kind == "mish" for one in find_activations(detector.model.graph).values()) == 72
    assert detector.family.num_classes == 80


@pytest.mark.parametrize("name", ["yolo-fastest-1.1", "yolo-fastest-1.1-xl"])
def test_real_detectors(name: str) -> None:
    file = WEIGHTS / f"{name}.cfg"
    if not file.is_file():
        pytest.skip(f"the trained detector {name} is not beside the checkout")
    detector = load(file)
    shapes = [tuple(value.shape or ()) for value in detector.model.graph.outputs]
    assert shapes == [(1, 255, 10, 10), (1, 255, 20, 20)]
    assert sum(len(head["anchors"]) for head in json.loads(detector.imported.metadata["detquant.yolo"])["heads"]) == 6
    assert detector.family.classes == COCO_NAMES
