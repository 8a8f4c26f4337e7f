from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from detquant.graph.qdq import insert_qdq
from detquant.graph.running import OrtRunner
from detquant.graph.switches import with_switches
from detquant.numerics import UINT8, QuantSpec, fake_quantize, grid_from_range

SPEC = QuantSpec(qtype=UINT8, symmetric=False)
GRIDS = {"x": grid_from_range(0, 1, SPEC), "silu": grid_from_range(-0.3, 2, SPEC), "relu": grid_from_range(0, 3, SPEC)}
SWITCHES = {"x": "image", "silu": "inside", "relu": "inside"}


@pytest.fixture
def switched(small_net):
    return with_switches(small_net, GRIDS, SWITCHES)


def run(model, image, /, **flags):
    runner = OrtRunner(model, optimisation="none")
    return runner.run({"x": image} | {name: np.array(on) for name, on in flags.items()})["scores"]


@pytest.fixture
def image(images):
    return images(1)[0]["x"]


def test_all_off_is_the_float_model_to_the_last_bit(small_net, switched, image):
    np.testing.assert_array_equal(run(switched, image, image=False, inside=False), run(small_net, image))


def test_all_on_is_the_qdq_graph_without_weights(small_net, switched, image):
    nodes = [node.name for node in small_net.graph]
    qdq = insert_qdq(small_net, activations=GRIDS, weights={}, nodes=nodes)
    found = run(switched, image, image=True, inside=True)
    np.testing.assert_array_equal(found, run(qdq, image))
    assert np.abs(found - run(small_net, image)).max() > 1e-4


def test_one_on_is_that_tensor_alone(small_net, switched, image):
    found = run(switched, image, image=True, inside=False)
    np.testing.assert_array_equal(found, run(small_net, fake_quantize(image, GRIDS["x"])))


def test_a_switch_moves_all_its_tensors(small_net, switched, image):
    both = insert_qdq(
        small_net,
        activations={name: GRIDS[name] for name in ("silu", "relu")},
        weights={},
        nodes=[node.name for node in small_net.graph],
    )
    np.testing.assert_array_equal(run(switched, image, image=False, inside=True), run(both, image))


def test_the_inputs_are_the_images_and_a_boolean_for_each_switch(small_net, switched):
    onnx.checker.check_model(ir.to_proto(switched), full_check=True)
    assert [value.name for value in switched.graph.inputs] == ["x", "image", "inside"]
    assert [value.dtype for value in switched.graph.inputs][1:] == [ir.DataType.BOOL] * 2
    assert [value.name for value in switched.graph.outputs] == ["scores"]


def test_the_model_given_is_left_alone(small_net):
    before = ir.to_proto(small_net).SerializeToString(deterministic=True)
    with_switches(small_net, GRIDS, SWITCHES)
    assert ir.to_proto(small_net).SerializeToString(deterministic=True) == before


@pytest.mark.parametrize("optimisation", ["all", "extended"])
def test_the_optimiser_leaves_the_float_model_what_it_is(small_net, switched, image, optimisation):
    flags = {"image": np.array(False), "inside": np.array(False)}
    found = OrtRunner(switched, optimisation=optimisation).run({"x": image, **flags})["scores"]
    np.testing.assert_allclose(found, run(small_net, image), atol=1e-6)


def test_an_output_of_the_graph_is_rounded_too(build):
    net = build([("Relu", ["x"], ["y"], {})], {"x": [1, 4]}, {"y": [1, 4]})
    grid = {"y": grid_from_range(0, 10, SPEC)}
    values = np.array([[0.01, 1.003, 5.5, 9.99]], np.float32)
    runner = OrtRunner(with_switches(net, grid, {"y": "on"}), optimisation="none")
    [found] = runner.run({"x": values, "on": np.array(True)}).values()
    np.testing.assert_array_equal(found, fake_quantize(values, grid["y"]))
