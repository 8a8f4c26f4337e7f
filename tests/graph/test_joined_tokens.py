"""Rows of tokens are joined as maps where they are rounded: the same numbers, which OpenVINO compiles."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.shape_inference import infer_shapes

from detquant.graph.joined_tokens import with_tokens_joined_as_maps
from detquant.graph.running import OrtRunner
from detquant.targets import load_target

SIZES = ((4, 5), (2, 3), (1, 2))
VALUES, TOTAL = 6, 28


def model(*, rounded: bool = True) -> ir.Model:
    """Three maps as tokens, joined, rounded with a zero point, and multiplied by weights of a grid for each column."""
    rng, nodes, joined = np.random.default_rng(0), [], []
    weights = {
        "s": np.float32(0.02),
        "z": np.uint8(120),
        "w": rng.integers(-127, 128, (VALUES, VALUES)).astype(np.int8),
        "ws": rng.uniform(0.001, 0.01, VALUES).astype(np.float32),
        "wz": np.zeros(VALUES, np.int8),
        "flat": np.array([1, -1, VALUES]),
    }
    for place in range(len(SIZES)):
        nodes.append(helper.make_node("Transpose", [f"x{place}"], [f"t{place}"], perm=[0, 2, 3, 1]))
        nodes.append(helper.make_node("Reshape", [f"t{place}", "flat"], [f"r{place}"]))
        joined.append(f"r{place}")
    nodes.append(helper.make_node("Concat", joined, ["c"], "join", axis=1))
    nodes.append(helper.make_node("QuantizeLinear", ["c", "s", "z"], ["q"]))
    nodes.append(helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]))
    nodes.append(helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["dw"], axis=1))
    nodes.append(helper.make_node("MatMul", ["d" if rounded else "c", "dw"], ["y"]))
    kind = TensorProto.FLOAT
    graph = helper.make_graph(
        [node for node in nodes if rounded or node.output[0] not in ("q", "d")],
        "tokens",
        [helper.make_tensor_value_info(f"x{n}", kind, [1, VALUES, *size]) for n, size in enumerate(SIZES)],
        [helper.make_tensor_value_info("y", kind, [1, TOTAL, VALUES])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return ir.from_proto(infer_shapes(made))


def feeds() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {f"x{n}": rng.normal(size=(1, VALUES, *size)).astype(np.float32) for n, size in enumerate(SIZES)}


def test_same_numbers() -> None:
    before, after = model(), with_tokens_joined_as_maps(model())
    [join] = [node for node in after.graph if node.op_type == "Concat"]
    assert tuple(join.outputs[0].shape) == (1, 1, TOTAL, VALUES)
    np.testing.assert_array_equal(OrtRunner(after).run(feeds())["y"], OrtRunner(before).run(feeds())["y"])


def test_what_is_not_rounded_stays() -> None:
    whole = model(rounded=False)
    assert with_tokens_joined_as_maps(whole) is whole


def test_openvino_compiles_it_so() -> None:
    pytest.importorskip("openvino", reason="the extra openvino is not installed")
    place = load_target("openvino")
    found = place.open(place.lower(model())).run(feeds())["y"]
    np.testing.assert_allclose(found, OrtRunner(model()).run(feeds())["y"], atol=0.02)
