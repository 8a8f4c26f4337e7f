"""Every layer of codes, on LiteRT's own kernels and on XNNPACK, is within one code of the QDQ graph.

Errors would add up from layer to layer, so each layer is recomputed from the codes that LiteRT gave to it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from detquant.data import iter_images, open_dataset
from detquant.graph import prepare
from detquant.numerics import sqnr_db
from detquant.pipeline.detector import load

pytest.importorskip("ai_edge_litert", reason="the extra tflite is not installed")
from given_codes import as_planned, off_by
from layers import TARGET, in_litert, interpreter, quantised

ASSETS = Path(__file__).resolve().parents[4] / "shared" / "assets"
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
RNG = np.random.default_rng(3)


@pytest.mark.parametrize(("model", "data"), DETECTORS)
def test_no_layer_of_a_detector_is_off_by_more_than_one_code(model, data):
    detector = load(model)
    paths = open_dataset(data, 0).validation[:4]
    feeds = [{detector.family.input_name: detector.family.preprocess(image)[0]} for _, image in iter_images(paths, [])]
    *seen, unseen = feeds
    qdq = quantised(detector.model, seen).qdq()
    for delegate in (False, True):
        errors = off_by(qdq, unseen, in_litert(qdq, unseen, delegate=delegate))
        assert max(most for most, _ in errors.values()) <= 1
        assert np.mean([share for _, share in errors.values()]) < 0.03
    runner = TARGET.open(TARGET.lower(qdq))
    expected, found = as_planned(qdq).run(unseen), runner.run(unseen)
    for name in expected:  # errors of one code add up over two hundred layers
        assert found[name].shape == expected[name].shape
        assert sqnr_db(expected[name], found[name]) > 18.0
    # Nothing falls back to float between two integer layers: the image alone is quantised on the way.
    assert runner.precisions()["QUANTIZE"] == {"int8": 1}


def draw(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def number(value):
    return np.array(value, np.float32)


TAPS = {"first": draw(8, 3, 3, 3), "bias": draw(8), "last": draw(4, 8, 1, 1)}
POOL = {"kernel_shape": [3, 3], "strides": [2, 2]}
AROUND = {"pads": [1, 1, 1, 1]}
ON_CODES = {
    "Relu taken in": [("Relu", ["f"], ["g"], {})],
    "Clip 0 to 6 taken in": [("Clip", ["f", "zero", "six"], ["g"], {})],
    "Clip -1 to 2 taken in": [("Clip", ["f", "minus", "two"], ["g"], {})],
    "Relu behind Add": [("Add", ["f", "f"], ["a"], {}), ("Relu", ["a"], ["g"], {})],
    "LeakyRelu": [("LeakyRelu", ["f"], ["g"], {"alpha": 0.1})],
    "SiLU": [("Sigmoid", ["f"], ["s"], {}), ("Mul", ["f", "s"], ["g"], {})],
    "Tanh": [("Tanh", ["f"], ["g"], {})],
    "MaxPool": [("MaxPool", ["f"], ["g"], POOL | AROUND)],
    "AveragePool": [("AveragePool", ["f"], ["g"], POOL)],
    "AveragePool that counts": [("AveragePool", ["f"], ["g"], POOL | AROUND | {"count_include_pad": 1})],
    "GlobalAveragePool": [("GlobalAveragePool", ["f"], ["p"], {}), ("Mul", ["f", "p"], ["g"], {})],
    "two by a number": [("Mul", ["f", "two"], ["a"], {}), ("Add", ["a", "minus"], ["g"], {})],
    "Sub": [("LeakyRelu", ["f"], ["a"], {}), ("Sub", ["f", "a"], ["g"], {})],
    "Pad": [("Pad", ["f", "sides"], ["g"], {})],
    "Slice": [("Slice", ["f", "one", "five", "one", "two_steps"], ["g"], {})],
    "Split": [("Split", ["f"], ["a", "b"], {"axis": 2, "num_outputs": 2}), ("Concat", ["b", "a"], ["g"], {"axis": 2})],
    "Resize nearest": [("Resize", ["f", "", "scales"], ["g"], {})],
    "Resize linear": [("Resize", ["f", "", "scales"], ["g"], {"mode": "linear"})],
    "Conv by twos": [("Conv", ["f", "more"], ["g"], {"strides": [2, 2]} | AROUND)],
    "Conv grouped": [("Conv", ["f", "half"], ["g"], {"group": 2})],
    "ConvTranspose": [("ConvTranspose", ["f", "up"], ["g"], {"strides": [2, 2]})],
    "ConvTranspose, padded": [
        ("ConvTranspose", ["f", "wide", "bias"], ["g"], {"strides": [2, 2], "pads": [1, 1, 1, 1]}),
    ],
    "ConvTranspose, padded behind, Relu": [
        ("ConvTranspose", ["f", "wide"], ["u"], {"strides": [2, 2], "output_padding": [1, 1]} | AROUND),
        ("Relu", ["u"], ["g"], {}),
    ],
    "ConvTranspose, Clip -1 to 2": [
        ("ConvTranspose", ["f", "up"], ["u"], {"strides": [2, 2]}),
        ("Clip", ["u", "minus", "two"], ["g"], {}),
    ],
    "ConvTranspose depthwise": [("ConvTranspose", ["f", "deep"], ["g"], {"group": 8, "strides": [2, 2]})],
    "lone product and sum": [("Mul", ["f", "gains"], ["a"], {}), ("Add", ["a", "moves"], ["g"], {})],
    "Conv depthwise, two each": [("Conv", ["f", "each"], ["h"], {"group": 8}), ("Conv", ["h", "back"], ["g"], {})],
}
IN_FLOAT = {
    "Sigmoid joined with others": [("Sigmoid", ["f"], ["s"], {}), ("Concat", ["f", "s"], ["g"], {"axis": 2})],
    "HardSwish": [("HardSwish", ["f"], ["g"], {})],
}
MORE = {
    "zero": number(0),
    "six": number(6),
    "minus": number(-1),
    "two": number(2),
    "sides": np.array([0, 0, 1, 2, 0, 0, 0, 1]),
    "one": np.array([2]),
    "five": np.array([9]),
    "two_steps": np.array([2]),
    "scales": np.array([1, 1, 2, 2], np.float32),
    "more": draw(8, 8, 3, 3) / 8,
    "half": draw(8, 4, 1, 1) / 2,
    "each": draw(16, 1, 3, 3) / 3,
    "back": draw(8, 16, 1, 1) / 4,
    "up": draw(8, 8, 2, 2) / 3,
    "wide": draw(8, 8, 3, 3) / 5,
    "deep": draw(8, 1, 2, 2),
    "gains": draw(8, 1, 1),
    "moves": draw(1, 8, 1, 1),
}


def net(build, rows):
    """A convolution, the rows from "f" to "g", and a head that stays float behind another convolution."""
    nodes = [
        ("Conv", ["x", "first", "bias"], ["f"], AROUND),
        *rows,
        ("Conv", ["g", "third"], ["k"], {}),
        ("Conv", ["k", "last"], ["y"], {}),
    ]
    weights = {**TAPS, **MORE, "third": draw(8, 8, 1, 1)}
    read = {name for _, takes, _, _ in nodes for name in takes}
    return prepare(build(nodes, {"x": [1, 3, 16, 16]}, {"y": None}, {n: w for n, w in weights.items() if n in read}))


@pytest.mark.parametrize("delegate", [False, True], ids=["own kernels", "XNNPACK"])
@pytest.mark.parametrize("case", [*ON_CODES, *IN_FLOAT])
def test_each_kernel_is_within_one_code(build, images, case, delegate):
    model = TARGET.rewrite(net(build, {**ON_CODES, **IN_FLOAT}[case]))
    *seen, unseen = images(4)
    qdq = quantised(model, seen).qdq()
    errors = off_by(qdq, unseen, in_litert(qdq, unseen, delegate=delegate))
    assert {name: most for name, (most, _) in errors.items() if most > 1} == {}
    quantised_on_the_way = interpreter(TARGET.lower(qdq).files["model.tflite"]).precisions()["QUANTIZE"]["int8"]
    assert (quantised_on_the_way == 1) is (case in ON_CODES)
