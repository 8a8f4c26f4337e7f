"""Small graphs in memory, and the one question every pass is asked: is it still the same function?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import helper, numpy_helper

from detquant.graph.running import Runner

WEIGHTS = Path(__file__).resolve().parents[3] / "shared" / "assets" / "weights" / "detect"


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
def greatest_difference() -> Callable[..., float]:
    """greatest_difference(before, after, shape): largest |a - b| over all outputs, on random input."""

    def compare(before: ir.Model, after: ir.Model, shape: tuple[int, ...], scale: float = 1.0) -> float:
        image = (np.random.default_rng(0).standard_normal(shape) * scale).astype(np.float32)
        first, second = Runner(before, optimisation="none"), Runner(after, optimisation="none")
        name = second.input_names[0]
        expected, found = first.run({name: image}), second.run({name: image})
        assert list(expected) == list(found)
        return max(float(np.abs(expected[key] - found[key]).max()) for key in expected)

    return compare


@pytest.fixture
def weights() -> Callable[[str], Path]:
    """weights("yolov8n.onnx"): the file, or the test is skipped."""

    def find(name: str) -> Path:
        if not (WEIGHTS / name).is_file():
            pytest.skip(f"the trained detector {name} is not beside the checkout")
        return WEIGHTS / name

    return find
