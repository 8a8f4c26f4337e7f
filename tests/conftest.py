"""A detector of white squares, and pictures of them, made in memory: small, and right to the last box."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnx_ir as ir
import pytest
import yaml
from onnx import helper, numpy_helper

from detquant.calibration import Note
from detquant.data import Skip
from detquant.families import COCO_NAMES
from detquant.graph import prepare
from detquant.importers.openvino import reading
from detquant.recipes import Stage
from detquant.report.evidence import Evidence
from detquant.report.quantization import Calibration, IntegerShare, Quantization
from detquant.report.report import Picture, Report
from detquant.report.row import File, Row

if find_spec("hypothesis"):
    from hypothesis import HealthCheck, settings

    # In the suite every run draws the same examples; `make fuzz` asks for the other profile, and goes on.
    CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
    settings.register_profile(
        "suite", max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=CHECKS
    )
    settings.register_profile("long", max_examples=2000, deadline=None, print_blob=True, suppress_health_check=CHECKS)
    settings.load_profile("suite")
else:
    collect_ignore_glob = ["*/fuzz/test_*.py"]

SIDE, CHANNELS, CLASSES = 96, 8, 80  # 96: at 64 there are as many cells as outputs of a cell
STRIDES = (8, 16, 32)
CELLS = sum((SIDE // stride) ** 2 for stride in STRIDES)
SQUARE = 16
HEAD = 4 + CLASSES
PLACES = SIDE // SQUARE


Nodes = list[onnx.NodeProto]
Weights = dict[str, np.ndarray]


def white_square_detector(side: int | str = SIDE) -> onnx.ModelProto:
    """YOLOv8's shapes for 96x96: class 0 is a white square that fills a cell of stride 16."""
    nodes, weights = [], {}
    for part in (_trunk, _heads, _decode_tail):
        more_nodes, more_weights = part()
        nodes, weights = nodes + more_nodes, weights | more_weights
    cells = CELLS if side == SIDE else "cells"
    graph = helper.make_graph(
        nodes,
        "white squares",
        [helper.make_tensor_value_info("images", onnx.TensorProto.FLOAT, [1, 3, side, side])],
        [helper.make_tensor_value_info("output0", onnx.TensorProto.FLOAT, [1, HEAD, cells])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _trunk() -> tuple[Nodes, Weights]:
    """r1 to r4 are the brightness of cells of 4 to 32 pixels, averaged with uneven weights."""
    rng, half = np.random.default_rng(0), {"strides": [2, 2]}
    weights = {
        "stem": np.full((CHANNELS, 3, 2, 2), 6 / 12, np.float32),
        "stem_b": np.zeros(CHANNELS, np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["images", "stem", "stem_b"], ["c0"], "stem", **half),
        helper.make_node("Sigmoid", ["c0"], ["s0"]),
        helper.make_node("Mul", ["c0", "s0"], ["r0"]),
    ]
    for level in range(1, 5):
        uneven = rng.uniform(0.8, 1.2, (CHANNELS, CHANNELS, 2, 2))
        gain = 1 / 6 if level == 1 else 1.0  # takes back what the stem multiplied by
        weights[f"w{level}"] = (gain * uneven / uneven.sum(axis=(1, 2, 3), keepdims=True)).astype(np.float32)
        takes, gives = [f"r{level - 1}", f"w{level}"], [f"c{level}"]
        nodes.append(helper.make_node("Conv", takes, gives, f"conv{level}", **half))
        nodes.append(helper.make_node("Relu", gives, [f"r{level}"]))
    return nodes, weights


def _heads() -> tuple[Nodes, Weights]:
    """Boxes of 0, for the tail adds the cells; scores of sigmoid(-10), or sigmoid(10) where all is white."""
    nodes, weights = [], {"flat": np.array([1, HEAD, -1])}
    for stride, source in zip(STRIDES, ("r2", "r3", "r4"), strict=True):
        head, bias = np.zeros((HEAD, CHANNELS, 1, 1), np.float32), np.zeros(HEAD, np.float32)
        bias[4:] = -10
        if stride == SQUARE:
            head[4] = 20 / CHANNELS
        weights |= {f"h{stride}": head, f"b{stride}": bias}
        takes, gives = [source, f"h{stride}", f"b{stride}"], [f"y{stride}"]
        nodes.append(helper.make_node("Conv", takes, gives, f"head{stride}"))
        nodes.append(helper.make_node("Reshape", [*gives, "flat"], [f"z{stride}"]))
    return nodes, weights


def _decode_tail() -> tuple[Nodes, Weights]:
    places = []
    for stride in STRIDES:
        row, column = (np.mgrid[: SIDE // stride, : SIDE // stride].reshape(2, -1) + 0.5) * stride
        places.append(np.stack([column, row, np.full_like(row, stride), np.full_like(row, stride)]))
    weights = {
        "places": np.concatenate(places, axis=1)[None].astype(np.float32),
        "sizes": np.array([4, CLASSES]),
    }
    nodes = [
        helper.make_node("Concat", ["z8", "z16", "z32"], ["all"], axis=2),
        helper.make_node("Split", ["all", "sizes"], ["offsets", "logits"], axis=1),
        helper.make_node("Add", ["offsets", "places"], ["boxes"]),
        helper.make_node("Sigmoid", ["logits"], ["scores"]),
        helper.make_node("Concat", ["boxes", "scores"], ["output0"], axis=1),
    ]
    return nodes, weights


@pytest.fixture
def square_model(tmp_path: Path) -> Path:
    """The file of a detector that finds white squares."""
    path = tmp_path / "squares.onnx"
    onnx.save(white_square_detector(), path)
    return path


@pytest.fixture
def square_proto() -> onnx.ModelProto:
    """The same, in memory."""
    return white_square_detector()


@pytest.fixture
def free_square_model(tmp_path: Path) -> Path:
    """The same, with height and width left open."""
    path = tmp_path / "free.onnx"
    onnx.save(white_square_detector("side"), path)
    return path


def draw_squares(path: Path, cells: list[tuple[int, int]]) -> None:
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    for row, column in cells:
        image[row * SQUARE : (row + 1) * SQUARE, column * SQUARE : (column + 1) * SQUARE] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)


@pytest.fixture
def square_data(tmp_path: Path) -> Callable[..., Path]:
    """square_data(images=4, names=...): a data.yaml with labelled squares; None leaves a key out."""

    def make(images: int = 4, suffix: str = ".png", **changes: object) -> Path:
        root = tmp_path / "data"
        (root / "labels/val").mkdir(parents=True, exist_ok=True)
        for number in range(images):
            cells = [(number % PLACES, 0), (number % PLACES, 3)]
            draw_squares(root / f"images/train/t{number}{suffix}", [(0, number % PLACES)])
            draw_squares(root / f"images/val/v{number}{suffix}", cells)
            lines = [
                f"0 {(column + 0.5) / PLACES} {(row + 0.5) / PLACES} {1 / PLACES} {1 / PLACES}" for row, column in cells
            ]
            (root / f"labels/val/v{number}.txt").write_text("\n".join(lines))
        content = {"path": ".", "train": "images/train", "val": "images/val", "names": list(COCO_NAMES)}
        content = {key: value for key, value in (content | changes).items() if value is not None}
        (root / "data.yaml").write_text(yaml.safe_dump(content))
        return root / "data.yaml"

    return make


ACCURACY = {
    "float": {"ap": 37.3, "ap50": 52.6, "ap75": 40.5},
    "quantized": {"ap": 36.9, "ap50": 52.3, "ap75": 40.1},
}


@pytest.fixture
def report() -> Report:
    """A quantisation as it is reported, every field told."""
    quantization = Quantization(
        recipe="w8a8",
        engine="detquant",
        calibration=Calibration(images=128, seconds=12.34, peak_rss_mb=456.7),
        share=IntegerShare(operators=62, of=98, macs_percent=97.25),
        kept_float={"head": "feeds the decode tail", "tail": "decode tail", "tail2": "decode tail", "c1": "guard: c1"},
        sqnr_db={f"tensor {number}": float(number) for number in range(12, 0, -1)} | {"exact": float("inf")},
        plan_digest="cd" * 32,
        decisions={"taken": {}},
    )
    guard = Note(step="guard", stage=Stage.CHOICES, sentence="guard: c1", operators=("c1",), cost=0.5)
    left = Note(step="guard", stage=Stage.CHOICES, sentence="guard: damage is left", cost=0.1)
    float_row = Row(
        name="float",
        title="float",
        target="ort",
        precision="float",
        accuracy=ACCURACY["float"],
        latency_ms=80.0,
        ratio=1.0,
        size_bytes=12_800_000,
    )
    row = Row(
        name="quantized",
        title="w8a8",
        target="ort",
        precision="w8a8",
        accuracy=ACCURACY["quantized"],
        latency_ms=40.0,
        ratio=0.5,
        size_bytes=3_200_000,
        digest="ab" * 32,
        files=(File(name="model.onnx", size_bytes=3_200_000, sha256="ef" * 32),),
        quantization=quantization,
        notes=(Note(step="runtime", sentence="It ran."), guard, left),
    )
    return Report(
        model="yolo_n|ano.onnx",
        model_sha256="ab" * 32,
        family="yolov8",
        family_reason="yolov8: output0 [1, 84, 8400]",
        reading="rgb 0..1",
        task="detect",
        data="coco",
        images=300,
        threads=1,
        rows=(float_row, row),
        about="quantized",
        target="ort",
        recipe="w8a8",
        seed=0,
        calibration_images=128,
        notes=(Note(step="data", sentence="Boxes are from a file."),),
        warnings=("The quantised model is slower than the float model.",),
        skipped=(Skip(Path("a.jpg"), "a.jpg is cut short"),),
        versions={"detquant": "0.1.0"},
    )


@pytest.fixture
def demo_report() -> Report:
    """The demo as it is reported."""
    figures = (
        ("float", "float", "float.onnx", (67.25, 88.0, 75.0), 8.0, 2_400_400),
        ("naive", "naive INT8", "naive.onnx", (3.5, 7.0, 2.0), 10.0, 770_000),
        ("w8a8", "detquant w8a8", "w8a8/model.onnx", (67.0, 87.9, 74.8), 4.0, 871_000),
    )
    rows = (
        Row(
            name=name,
            title=title,
            target="ort",
            precision=name,
            accuracy=dict(zip(("ap", "ap50", "ap75"), measures, strict=True)),
            latency_ms=latency,
            ratio=latency / 8.0,
            size_bytes=size,
            files=(File(name=file, size_bytes=size, sha256="ef" * 32),),
        )
        for name, title, file, measures, latency, size in figures
    )
    return Report(
        model="yolov8-pico",
        model_sha256="ab" * 32,
        family="yolov8",
        family_reason="yolov8: its metadata",
        reading="rgb 0..1",
        task="detect",
        data="scenes",
        images=300,
        threads=1,
        rows=tuple(rows),
        seed=0,
        calibration_images=128,
        notes=(Note(step="naive", sentence="naive INT8: by its defaults."),),
        picture=Picture(
            file="comparison.png",
            image="scenes:0/validation/000023.png",
            objects=8,
            found={"float": 8, "naive": 1, "w8a8": 7},
            wrong={"float": 0, "naive": 2, "w8a8": 0},
        ),
        versions={"detquant": "0.1.0", "onnxruntime": "1.31.0"},
    )


def _value_info(name: str, shape: list[int | str | None] | None) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)


@pytest.fixture
def build() -> Callable[..., ir.Model]:
    """build(nodes, inputs, outputs, weights): a model from (op, inputs, outputs, attributes) rows."""

    def make(
        rows: list[tuple[str, list[str], list[str], dict[str, object]]],
        inputs: Mapping[str, list[int | str | None]],
        outputs: Mapping[str, list[int | str | None] | None],
        weights: Mapping[str, np.ndarray] | None = None,
        opset: int = 21,
    ) -> ir.Model:
        graph = helper.make_graph(
            [helper.make_node(op, takes, gives, **attributes) for op, takes, gives, attributes in rows],
            "test",
            [_value_info(name, shape) for name, shape in inputs.items()],
            [_value_info(name, shape) for name, shape in outputs.items()],
            [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()],
        )
        opsets = [helper.make_opsetid("", opset)]
        return ir.from_proto(helper.make_model(graph, opset_imports=opsets, ir_version=8))

    return make


@pytest.fixture
def small_net(build: Callable[..., ir.Model]) -> ir.Model:
    """A prepared net of 16x16 images with what a plan must know: SiLU, Relu, MaxPool, Concat, Add, a tail."""
    rng = np.random.default_rng(7)
    sizes = {"first": (8, 3, 3), "second": (8, 8, 1), "third": (8, 16, 1), "head": (4, 8, 1)}
    weights: Weights = {}
    for name, (gives, takes, kernel) in sizes.items():
        spread = 1.0 / np.sqrt(takes * kernel * kernel)
        weights[f"{name}_w"] = (spread * rng.standard_normal((gives, takes, kernel, kernel))).astype(np.float32)
        weights[f"{name}_b"] = (0.3 * rng.standard_normal(gives)).astype(np.float32)
    rows = [
        ("Conv", ["x", "first_w", "first_b"], ["c1"], {"name": "first", "pads": [1, 1, 1, 1]}),
        ("Sigmoid", ["c1"], ["gate"], {"name": "silu_gate"}),
        ("Mul", ["c1", "gate"], ["silu"], {"name": "silu_mul"}),
        ("Conv", ["silu", "second_w", "second_b"], ["c2"], {"name": "second"}),
        ("Relu", ["c2"], ["relu"], {"name": "relu"}),
        ("MaxPool", ["relu"], ["pool"], {"name": "pool", "kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
        ("Concat", ["relu", "pool"], ["joined"], {"name": "join", "axis": 1}),
        ("Conv", ["joined", "third_w", "third_b"], ["c3"], {"name": "third"}),
        ("Add", ["c3", "relu"], ["sum"], {"name": "add"}),
        ("Conv", ["sum", "head_w", "head_b"], ["logits"], {"name": "head"}),
        ("Sigmoid", ["logits"], ["scores"], {"name": "tail_sigmoid"}),
    ]
    return prepare(build(rows, {"x": [1, 3, 16, 16]}, {"scores": None}, weights))


@pytest.fixture
def images() -> Callable[..., list[dict[str, np.ndarray]]]:
    """images(count, shape): feeds for the input "x", the same on every call."""

    def make(count: int = 6, shape: tuple[int, ...] = (1, 3, 16, 16)) -> list[dict[str, np.ndarray]]:
        rng = np.random.default_rng(11)
        return [{"x": rng.random(shape, np.float32)} for _ in range(count)]

    return make


@pytest.fixture(autouse=True, scope="session")
def no_cache() -> None:
    """Tests neither use nor fill the user's cache folder."""
    os.environ["DETQUANT_CACHE"] = ""


@pytest.fixture(autouse=True, scope="session")
def no_last_defence() -> None:
    """A fault shows its traceback: no test takes the program's sentence about it for an answer."""
    os.environ["DETQUANT_DEBUG"] = "1"


@pytest.fixture(autouse=True, scope="session")
def one_processor() -> Iterator[None]:
    """One for each process of the suite: threads of ONNX Runtime wait for each other by spinning, a third of all time.

    OpenVINO starts its own, however many there are in truth, and its memory is bounded by their number.
    """
    with pytest.MonkeyPatch.context() as patch:
        if hasattr(os, "sched_getaffinity"):
            patch.setattr(os, "sched_getaffinity", lambda process: {0})
        else:
            truth = os.cpu_count() or 1
            patch.setattr(reading, "_MEMORY_OF_A_THREAD", truth * reading._MEMORY_OF_A_THREAD)
            patch.setattr(os, "cpu_count", lambda: 1)
        yield


@pytest.fixture(scope="session")
def one_thread() -> Iterator[None]:
    """torch on one thread: with small tensors others would wait for each other, for ever on a busy machine."""
    if find_spec("torch"):
        import torch

        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(threads)
    else:
        yield


def pytest_collection_finish() -> None:
    """What modules hold by now stays: the collector need not go through it again for each graph that is made."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A report as every terminal and every other process can take it, whatever names it speaks of."""
    report = yield
    report.sections = [(title, _encodable(content)) for title, content in report.sections]
    if report.failed and report.longrepr is not None:
        report.longrepr = _encodable(str(report.longrepr))
    return report


def _encodable(text):
    return text.encode(errors="backslashreplace").decode()


SHOWN_INSIDE = (
    "test_quantize",
    "test_demo",
    "test_inside",
    "test_choose",
    "test_round_trips",
    "test_saved_runs",
    "test_target",
)
"""Modules whose quantised models are looked into; elsewhere that takes longer than all that is tested."""


@pytest.fixture(autouse=True)
def _seen_from_outside(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spares tests of other things the profiles and the tensors of each model that they quantise on the way."""
    if request.module.__name__.rpartition(".")[2] not in SHOWN_INSIDE:
        monkeypatch.setattr("detquant.pipeline.evidence_of.inside_of", lambda *_, **__: Evidence())
