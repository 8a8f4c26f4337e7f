"""What algorithms are given in the pipeline, on nets made in memory."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from detquant.algorithms import Context
from detquant.calibration import Collector, Images, QuantModel, calibrate
from detquant.graph import prepare
from detquant.numerics import PerAxis, QType, QuantSpec
from detquant.recipes import Recipe, Rule, load_recipe, plan
from detquant.targets import load_target

# what several tests of algorithms measure by stands in a module beside them
sys.path.append(str(Path(__file__).parent))


@pytest.fixture
def narrow() -> Callable[..., tuple[QuantModel, Context]]:
    """narrow(model, feeds, weight=4, activation=8, target="pytorch"): calibrated at these widths, and its context."""

    def make(model, feeds, weight=4, activation=8, target="pytorch", **more) -> tuple[QuantModel, Context]:
        place = load_target(target)
        wishes = {
            "weight": QuantSpec(qtype=QType(weight), granularity=PerAxis(0), observer="mse"),
            "activation": QuantSpec(qtype=QType(activation, False), symmetric=False),
        }
        recipe = Recipe(name="narrow", rules=(Rule(**wishes),), head="int")
        points = plan(model, recipe, place.capability)
        readers = sorted({n.inputs[0].name for n in model.graph if n.name in points.weights})
        collector = Collector(model=model, plan=points, by_channel=readers)
        statistics = collector.collect(lambda positions: (feeds[k] for k in positions), len(feeds))
        qm = calibrate(model, points, statistics, place.capability)
        return qm, Context(target=place, recipe=recipe, images=Images.of(feeds), **more)

    return make


@pytest.fixture
def calibrated() -> Callable[..., tuple[QuantModel, Context]]:
    """calibrated(model, feeds, head="int", observer=None): the quantised model before any step, and its context.

    `recipe` and `target` are w8a8 and ort unless they are given.
    """

    def make(model, feeds, head="int", observer=None, recipe=None, target="ort", **more) -> tuple[QuantModel, Context]:
        target, recipe = load_target(target), replace(recipe or load_recipe("w8a8"), head=head)
        if observer:
            rules = (replace(r, activation=replace(r.activation, observer=observer)) for r in recipe.rules)
            recipe = replace(recipe, rules=tuple(rules))
        points = plan(model, recipe, target.capability)
        readers = [n for n in model.graph if n.name in points.weights]
        collector = Collector(model=model, plan=points, by_channel=sorted({n.inputs[0].name for n in readers}))
        statistics = collector.collect(lambda positions: (feeds[k] for k in positions), len(feeds))
        qm = calibrate(model, points, statistics, target.capability)
        return qm, Context(target=target, recipe=recipe, images=Images.of(feeds), **more)

    return make


@pytest.fixture
def every_layer(build: Callable[..., ir.Model]) -> ir.Model:
    """A net of 16x16 images with all kinds of layers: plain, depthwise, grouped, transposed, Gemm, MatMul; a SiLU."""
    rng = np.random.default_rng(3)
    shapes = {
        "plain": (8, 3, 3, 3),
        "deep": (8, 1, 3, 3),
        "grouped": (12, 4, 1, 1),
        "spread": (12, 3, 2, 2),
        "last": (6, 6, 3, 3),
        "gemm": (10, 6),
        "matmul": (10, 5),
    }
    weights = {}
    for name, shape in shapes.items():
        taken = shape[1] * int(np.prod(shape[2:]))
        weights[f"{name}_w"] = (rng.standard_normal(shape) / np.sqrt(taken)).astype(np.float32)
    for name, count in {"plain": 8, "deep": 8, "spread": 6, "last": 6, "gemm": 10}.items():
        weights[f"{name}_b"] = (0.3 * rng.standard_normal(count)).astype(np.float32)
    same = {"pads": [1, 1, 1, 1]}
    rows = [
        ("Conv", ["x", "plain_w", "plain_b"], ["c1"], {"name": "plain", "strides": [2, 2], **same}),
        ("Relu", ["c1"], ["r1"], {"name": "relu"}),
        ("Conv", ["r1", "deep_w", "deep_b"], ["c2"], {"name": "deep", "group": 8, **same}),
        ("Sigmoid", ["c2"], ["g2"], {"name": "gate"}),
        ("Mul", ["c2", "g2"], ["s2"], {"name": "silu"}),
        ("Conv", ["s2", "grouped_w"], ["c3"], {"name": "grouped", "group": 2}),
        ("ConvTranspose", ["c3", "spread_w", "spread_b"], ["c4"], {"name": "spread", "group": 2, "strides": [2, 2]}),
        ("Conv", ["c4", "last_w", "last_b"], ["c5"], {"name": "last", "auto_pad": "SAME_UPPER", "strides": [2, 2]}),
        ("Relu", ["c5"], ["r5"], {"name": "relu_last"}),
        ("GlobalAveragePool", ["r5"], ["p"], {"name": "pool"}),
        ("Flatten", ["p"], ["flat"], {"name": "flat"}),
        ("Gemm", ["flat", "gemm_w", "gemm_b"], ["m"], {"name": "gemm", "transB": 1}),
        ("Relu", ["m"], ["rm"], {"name": "relu_gemm"}),
        ("MatMul", ["rm", "matmul_w"], ["y"], {"name": "matmul"}),
    ]
    return prepare(build(rows, {"x": [1, 3, 16, 16]}, {"y": None}, weights))


@pytest.fixture
def residuals(build: Callable[..., ir.Model]) -> ir.Model:
    """Two residual blocks between a stem and a head, 4 to 12 channels wide."""
    rng = np.random.default_rng(9)

    def conv(name, source, takes, gives, out):
        weights[f"{name}_w"] = rng.normal(0, 1 / np.sqrt(9 * takes), (gives, takes, 3, 3)).astype(np.float32)
        weights[f"{name}_b"] = rng.normal(0, 0.2, gives).astype(np.float32)
        return ("Conv", [source, f"{name}_w", f"{name}_b"], [out], {"name": name, "pads": [1, 1, 1, 1]})

    weights: dict[str, np.ndarray] = {}
    rows = [conv("stem", "x", 4, 12, "s"), ("Relu", ["s"], ["t0"], {"name": "stem_act"})]
    for k in (0, 1):
        rows += [
            conv(f"one{k}", f"t{k}", 12, 12, f"a{k}"),
            ("Relu", [f"a{k}"], [f"b{k}"], {"name": f"act{k}"}),
            conv(f"two{k}", f"b{k}", 12, 12, f"c{k}"),
            ("Add", [f"c{k}", f"t{k}"], [f"d{k}"], {"name": f"add{k}"}),
            ("Relu", [f"d{k}"], [f"t{k + 1}"], {"name": f"out{k}"}),
        ]
    rows.append(conv("head", "t2", 12, 6, "y"))
    return prepare(build(rows, {"x": [1, 4, 16, 16]}, {"y": None}, weights))
