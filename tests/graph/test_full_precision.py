from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from detquant.graph.full_precision import full_precision, is_full_precision, remove_idle_casts
from detquant.graph.prepare import prepare
from detquant.graph.running import OrtRunner

RNG = np.random.default_rng(3)
WEIGHT = RNG.standard_normal((4, 3, 3, 3)).astype(np.float16)
IMAGE = RNG.random((1, 3, 16, 16), np.float32)


def model(nodes, weights, *, ends=TensorProto.FLOAT, shape=(1, 3, 16, 16), gives=None) -> ir.Model:
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", ends, shape)],
        [helper.make_tensor_value_info("y", ends if gives is None else gives, None)],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items()],
    )
    return ir.from_proto(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))


def wide(image: np.ndarray) -> np.ndarray:
    """What the convolution gives in float32, with the weights that the file holds."""
    node = helper.make_node("Conv", ["x", "w"], ["y"])
    return OrtRunner(model([node], {"w": WEIGHT.astype(np.float32)})).run({"x": image})["y"]


def half_inside_out() -> ir.Model:
    """Float16 throughout, its ends too."""
    return model([helper.make_node("Conv", ["x", "w"], ["y"])], {"w": WEIGHT}, ends=TensorProto.FLOAT16)


def half_inside() -> ir.Model:
    """Float32 ends, and casts to float16 and back."""
    nodes = [
        helper.make_node("Cast", ["x"], ["h"], to=TensorProto.FLOAT16),
        helper.make_node("Conv", ["h", "w"], ["c"]),
        helper.make_node("Cast", ["c"], ["y"], to=TensorProto.FLOAT),
    ]
    return model(nodes, {"w": WEIGHT})


def half_weights() -> ir.Model:
    """Only the weight is float16, in a Constant, and cast before it is used."""
    nodes = [
        helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(WEIGHT)),
        helper.make_node("Cast", ["w"], ["w32"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["x", "w32"], ["y"]),
    ]
    return model(nodes, {})


def brain_weights() -> ir.Model:
    """As before, in bfloat16 and in an initializer."""
    node = helper.make_node("Conv", ["x", "w32"], ["y"])
    made = model([helper.make_node("Cast", ["w"], ["w32"], to=TensorProto.FLOAT), node], {"w": WEIGHT})
    stored = made.graph.initializers["w"]
    brain = WEIGHT.astype(ir.DataType.BFLOAT16.numpy())
    stored.const_value, stored.type = ir.Tensor(brain, name="w"), ir.TensorType(ir.DataType.BFLOAT16)
    return made


def double() -> ir.Model:
    node = helper.make_node("Conv", ["x", "w"], ["y"])
    return model([node], {"w": WEIGHT.astype(np.float64)}, ends=TensorProto.DOUBLE)


@pytest.mark.parametrize("make", [half_inside_out, half_inside, half_weights, double])
def test_it_is_the_same_convolution_in_float32(make):
    before = make()
    assert not is_full_precision(before)
    after = prepare(before)
    assert is_full_precision(after) and [node.op_type for node in after.graph] == ["Conv"]
    np.testing.assert_allclose(OrtRunner(after).run({"x": IMAGE})["y"], wide(IMAGE), atol=1e-5)


def test_brain_floats_are_their_own_numbers():
    after = prepare(brain_weights())
    expected = WEIGHT.astype(ir.DataType.BFLOAT16.numpy()).astype(np.float32)
    stored = next(iter(after.graph.initializers.values())).const_value.numpy()
    np.testing.assert_array_equal(stored, expected)


def test_types_in_attributes_follow():
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("ConstantOfShape", ["s"], ["c"], value=numpy_helper.from_array(np.ones(1, np.float16))),
        helper.make_node("RandomNormalLike", ["x"], ["r"], dtype=TensorProto.FLOAT16),
        helper.make_node("Add", ["c", "r"], ["a"]),
        helper.make_node("Mul", ["a", "x"], ["y"]),
    ]
    after = full_precision(model(nodes, {}, ends=TensorProto.FLOAT16))
    assert OrtRunner(after, optimisation="none").run({"x": IMAGE})["y"].dtype == np.float32


def test_subgraphs_follow():
    def branch(factor):
        return helper.make_graph(
            [helper.make_node("Mul", ["x", f"by{factor}"], [f"out{factor}"])],
            "branch",
            [],
            [helper.make_tensor_value_info(f"out{factor}", TensorProto.FLOAT16, None)],
            [numpy_helper.from_array(np.float16(factor), f"by{factor}")],
        )

    nodes = [
        helper.make_node("ReduceMax", ["x"], ["m"], keepdims=0),
        helper.make_node("Greater", ["m", "half"], ["yes"]),
        helper.make_node("If", ["yes"], ["y"], then_branch=branch(2), else_branch=branch(3)),
    ]
    after = full_precision(model(nodes, {"half": np.float16(0.5)}, ends=TensorProto.FLOAT16))
    for image, factor in ((IMAGE, 2), (IMAGE * 0.1, 3)):
        np.testing.assert_allclose(OrtRunner(after, optimisation="none").run({"x": image})["y"], image * factor, 1e-6)


def test_doubles_beyond_float32_become_its_largest_and_infinity_stays():
    node = helper.make_node("Add", ["x", "c"], ["y"])
    numbers = np.array([1e300, -1e300, np.inf, 0.5], np.float64)
    after = full_precision(model([node], {"c": numbers}, ends=TensorProto.DOUBLE, shape=[4]))
    largest = np.finfo(np.float32).max
    np.testing.assert_array_equal(after.graph.initializers["c"].const_value.numpy(), [largest, -largest, np.inf, 0.5])


def test_lists_of_tensors_follow():
    nodes = [
        helper.make_node("SequenceEmpty", [], ["s"], dtype=TensorProto.FLOAT16),
        helper.make_node("SequenceInsert", ["s", "x"], ["t"]),
        helper.make_node("ConcatFromSequence", ["t"], ["y"], axis=0),
    ]
    before = model(nodes, {}, ends=TensorProto.FLOAT16)
    before.graph[1].outputs[0].type = ir.SequenceType(ir.TensorType(ir.DataType.FLOAT16))
    after = full_precision(before)
    assert after.graph[1].outputs[0].dtype == ir.DataType.FLOAT
    np.testing.assert_array_equal(OrtRunner(after, optimisation="none").run({"x": IMAGE})["y"], IMAGE)


def test_what_is_float32_stays_to_the_byte(small_net):
    before = ir.to_proto(small_net).SerializeToString()
    assert is_full_precision(small_net)
    assert ir.to_proto(remove_idle_casts(full_precision(small_net))).SerializeToString() == before


def test_casts_of_whole_numbers_stay():
    nodes = [
        helper.make_node("Cast", ["x"], ["i"], to=TensorProto.INT32),
        helper.make_node("Cast", ["i"], ["y"], to=TensorProto.FLOAT),
    ]
    after = prepare(model(nodes, {}))
    assert [node.op_type for node in after.graph] == ["Cast", "Cast"]
