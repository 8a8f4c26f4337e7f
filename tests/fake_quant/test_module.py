"""Every layer of codes in torch is within one code of the QDQ graph, and every operator computes what ONNX says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from detquant.data import iter_images, open_dataset
from detquant.errors import UnsupportedOperator
from detquant.graph import prepare
from detquant.graph.running import OrtRunner
from detquant.pipeline.detector import load
from detquant.targets import load_target

pytest.importorskip("torch", reason="the extra torch is not installed")
import torch
from given_codes import off_by, quantised

from detquant.fake_quant.module import TENSOR, as_module
from detquant.fake_quant.modules import FakeQuantize

pytestmark = pytest.mark.usefixtures("one_thread")
TARGET = load_target("pytorch")
ASSETS = Path(__file__).resolve().parents[3] / "shared" / "assets"
REAL = [
    pytest.mark.slow,
    pytest.mark.skipif(not ASSETS.is_dir(), reason=f"no trained detectors at {ASSETS}"),
]
DETECTORS = [
    pytest.param("yolov8-pico", "scenes", id="yolov8-pico"),
    *(
        pytest.param(ASSETS / f"weights/detect/{name}.onnx", ASSETS / "coco/coco300.yaml", id=name, marks=REAL)
        for name in ("yolov8n", "yolox_nano", "nanodet_m_416")
    ),
]


class Watched(torch.fx.Interpreter):
    """Runs a module and keeps the codes of each grid."""

    def __init__(self, module):
        super().__init__(module)
        self.codes = {}

    def run_node(self, node):
        result = super().run_node(node)
        grid = self.module.get_submodule(node.target) if node.op == "call_module" else None
        if isinstance(grid, FakeQuantize):
            codes = torch.round(result / grid.scale) + grid.zero_point
            assert grid.quant_min <= codes.min() and codes.max() <= grid.quant_max
            self.codes[node.meta[TENSOR]] = codes.numpy().astype(np.uint8)
        return result


@pytest.mark.parametrize(("model", "data"), DETECTORS)
def test_no_layer_of_a_detector_is_off_by_more_than_one_code(model, data):
    detector = load(model)
    name = detector.family.input_name
    paths = open_dataset(data, 0).validation[:3]
    *seen, unseen = [{name: detector.family.preprocess(image)[0]} for _, image in iter_images(paths, [])]
    qdq = quantised(detector.model, seen, TARGET.capability).qdq()
    watched = Watched(as_module(qdq))
    with torch.inference_mode():
        watched.run(torch.from_numpy(unseen[name]))
    errors = off_by(qdq, unseen, watched.codes)
    assert len(errors) == sum(node.op_type == "QuantizeLinear" for node in qdq.graph)
    assert max(most for most, _ in errors.values()) <= 1
    assert np.mean([share for _, share in errors.values()]) < 1e-3


def draw(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


SMALL, WIDE = {"x": [1, 4, 9, 11]}, {"x": [1, 4, 8, 12]}
PADS = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 0, 1, 2]}
WEIGHTS = {
    "w": draw(8, 4, 3, 3),
    "bias8": draw(8),
    "each": draw(8, 1, 3, 3),
    "up": draw(4, 3, 3, 3),
    "turned": draw(6, 1188),
    "matrix": draw(11, 5),
    "bias6": draw(6),
    "scale4": draw(4),
    "positive4": np.abs(draw(4)) + 0.1,
    "slope": draw(4, 1, 1),
    "low": np.array(-0.5, np.float32),
    "two": np.array(2, np.float32),
    "sides": np.array([0, 0, 1, 2, 0, 0, 0, 1]),
    "reflected": np.array([0, 0, 1, 2, 0, 0, 2, 1]),
    "from": np.array([2]),
    "last": np.array([-1]),
    "step": np.array([2]),
    "places": np.array([3, 0, -1]),
    "place": np.array(-1),
    "flat": np.array([1, 4, -1]),
    "axis2": np.array([2]),
    "scales": np.array([1, 1, 2, 3], np.float32),
    "grown": np.array([1, 4, 20, 17]),
    "repeats": np.array([1, 2, 1, 3]),
    "wide": np.array([3, 4, 8, 12]),
}
CASES = {
    "Conv, uneven pads": ([("Conv", ["x", "w", "bias8"], ["y"], {"strides": [2, 1], "pads": [1, 0, 1, 2]})], SMALL),
    "Conv, SAME_UPPER": ([("Conv", ["x", "w"], ["y"], {"strides": [2, 2], "auto_pad": "SAME_UPPER"})], WIDE),
    "Conv, depthwise, dilated": ([("Conv", ["x", "each"], ["y"], {"group": 4, "dilations": [2, 2]})], SMALL),
    "ConvTranspose": (
        [("ConvTranspose", ["x", "up"], ["y"], {"strides": [2, 2], "pads": [1, 0, 0, 2], "output_padding": [1, 1]})],
        SMALL,
    ),
    "Gemm": (
        [("Flatten", ["x"], ["f"], {}), ("Gemm", ["f", "turned", "bias6"], ["y"], {"transB": 1})],
        {"x": [1, 3, 18, 22]},
    ),
    "MatMul by a weight": ([("MatMul", ["x", "matrix"], ["y"], {})], SMALL),
    "MatMul of two": ([("Transpose", ["x"], ["t"], {"perm": [0, 1, 3, 2]}), ("MatMul", ["x", "t"], ["y"], {})], SMALL),
    "BatchNormalization": (
        [("BatchNormalization", ["x", "scale4", "scale4", "scale4", "positive4"], ["y"], {})],
        SMALL,
    ),
    "MaxPool, uneven pads": ([("MaxPool", ["x"], ["y"], PADS)], SMALL),
    "MaxPool, ceil": ([("MaxPool", ["x"], ["y"], {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1})], SMALL),
    "AveragePool": ([("AveragePool", ["x"], ["y"], PADS)], SMALL),
    "AveragePool that counts": ([("AveragePool", ["x"], ["y"], PADS | {"count_include_pad": 1})], SMALL),
    "Clip": ([("Clip", ["x", "low", "two"], ["y"], {})], SMALL),
    "Clip above": ([("Clip", ["x", "", "two"], ["y"], {})], SMALL),
    "HardSigmoid, LeakyRelu, Elu": (
        [
            ("HardSigmoid", ["x"], ["a"], {"alpha": 0.3}),
            ("LeakyRelu", ["x"], ["b"], {"alpha": 0.1}),
            ("Elu", ["x"], ["c"], {"alpha": 0.5}),
            ("Concat", ["a", "b", "c"], ["y"], {"axis": 1}),
        ],
        SMALL,
    ),
    "Gelu, HardSwish, Mish": (
        [
            ("Gelu", ["x"], ["a"], {"approximate": "tanh"}),
            ("HardSwish", ["x"], ["b"], {}),
            ("Mish", ["x"], ["c"], {}),
            ("Concat", ["a", "b", "c"], ["y"], {"axis": -1}),
        ],
        SMALL,
    ),
    "PRelu, LRN": ([("PRelu", ["x", "slope"], ["a"], {}), ("LRN", ["a"], ["y"], {"size": 3})], SMALL),
    "Pad": ([("Pad", ["x", "sides", "two"], ["y"], {})], SMALL),
    "Pad, reflect": ([("Pad", ["x", "reflected"], ["y"], {"mode": "reflect"})], SMALL),
    "Pad, edge": ([("Pad", ["x", "reflected"], ["y"], {"mode": "edge"})], SMALL),
    "Slice": ([("Slice", ["x", "from", "last", "axis2", "step"], ["y"], {})], SMALL),
    "Split": ([("Split", ["x"], ["a", "b"], {"axis": 3, "num_outputs": 2}), ("Sub", ["a", "b"], ["y"], {})], WIDE),
    "Gather of several": ([("Gather", ["x", "places"], ["y"], {"axis": 1})], SMALL),
    "Gather of one": ([("Gather", ["x", "place"], ["y"], {"axis": 2})], SMALL),
    "Reshape, Softmax": ([("Reshape", ["x", "flat"], ["a"], {}), ("Softmax", ["a"], ["y"], {"axis": 1})], SMALL),
    "ReduceMax, ReduceMean": (
        [("ReduceMax", ["x", "axis2"], ["a"], {}), ("ReduceMean", ["a"], ["y"], {"keepdims": 0})],
        SMALL,
    ),
    "ArgMax, Cast": ([("ArgMax", ["x"], ["a"], {"axis": 1}), ("Cast", ["a"], ["y"], {"to": 1})], SMALL),
    "Resize, nearest by factors": ([("Resize", ["x", "", "scales"], ["y"], {})], SMALL),
    "Resize, nearest": (
        [
            (
                "Resize",
                ["x", "", "", "grown"],
                ["y"],
                {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
            )
        ],
        SMALL,
    ),
    "Resize, linear": ([("Resize", ["x", "", "scales"], ["y"], {"mode": "linear"})], SMALL),
    "Tile, Expand": (
        [("Expand", ["x", "wide"], ["a"], {}), ("Tile", ["a", "repeats"], ["b"], {}), ("Neg", ["b"], ["y"], {})],
        WIDE,
    ),
    "Max, Min, Where": (
        [
            ("Max", ["x", "low"], ["a"], {}),
            ("Min", ["a", "two"], ["b"], {}),
            ("Where", ["mask", "x", "b"], ["y"], {}),
        ],
        SMALL,
    ),
    "Pow, Sqrt, Exp, Log": (
        [
            ("Pow", ["x", "two"], ["a"], {}),
            ("Sqrt", ["a"], ["b"], {}),
            ("Exp", ["b"], ["c"], {}),
            ("Log", ["c"], ["y"], {}),
        ],
        SMALL,
    ),
}
WEIGHTS["mask"] = draw(1, 4, 9, 11) > 0


@pytest.mark.parametrize("case", CASES)
def test_each_operator_computes_what_onnx_says(build, case):
    rows, inputs = CASES[case]
    read = {name for _, takes, _, _ in rows for name in takes}
    model = prepare(build(rows, inputs, {"y": None}, {n: w for n, w in WEIGHTS.items() if n in read}))
    x = draw(*inputs["x"])
    module = as_module(model)
    with torch.inference_mode():
        [found] = module(torch.from_numpy(x))
    expected = OrtRunner(model).run({"x": x})["y"]
    assert found.shape == expected.shape and np.allclose(found.numpy(), expected, rtol=1e-5, atol=1e-5)


REFUSED = {
    "its input 'places' is computed": [
        ("Cast", ["x"], ["places"], {"to": 7}),
        ("Gather", ["square", "places"], ["y"], {}),
    ],
    "NonZero 'odd'.*it has no counterpart": [("NonZero", ["x"], ["y"], {"name": "odd"})],
    "it walks backwards": [("Slice", ["x", "last", "from", "axis2", "last"], ["y"], {})],
    "mode 'cubic'": [("Resize", ["x", "", "scales"], ["y"], {"mode": "cubic"})],
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_has_no_counterpart_is_refused_by_name(build, why):
    made = {name for _, _, gives, _ in REFUSED[why] for name in gives}
    read = {name for _, takes, _, _ in REFUSED[why] for name in takes} - made
    weights = {name: array for name, array in {**WEIGHTS, "square": draw(4, 4)}.items() if name in read}
    model = prepare(build(REFUSED[why], SMALL, {"y": None}, weights))
    with pytest.raises(UnsupportedOperator, match=why):
        as_module(model)


def test_names_that_torch_has_itself_or_that_lie_in_each_other(build):
    rows = [
        ("Relu", ["x"], ["a"], {"name": "block/float"}),
        ("Neg", ["a"], ["b"], {"name": "block"}),
        ("Abs", ["b"], ["c"], {"name": "block/float/training"}),
        ("Exp", ["c"], ["y"], {"name": "block/float:1"}),
    ]
    model = prepare(build(rows, {"x": [1, 2]}, {"y": None}, {}))
    module = as_module(model)
    x = np.array([[-1, 2]], np.float32)
    assert np.allclose(module(torch.from_numpy(x))[0].numpy(), OrtRunner(model).run({"x": x})["y"])
    assert len({name for name, one in module.named_modules() if not list(one.children()) and name}) == 4


def test_gradients_pass_where_nothing_is_clipped(small_net, images):
    qdq = quantised(small_net, images(3), TARGET.capability).qdq()
    module = as_module(qdq)
    image = torch.from_numpy(images(1)[0]["x"])
    before = [value.detach().clone() for value in module.parameters()]
    optimiser = torch.optim.SGD(module.parameters(), lr=1e-2)
    loss = sum(value.square().mean() for value in module(image))
    loss.backward()
    optimiser.step()
    moved = [not torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True)]
    assert all(moved) and sum(value.square().mean() for value in module(image)) < loss
