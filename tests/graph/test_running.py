from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from detquant.errors import ModelError
from detquant.graph.infer_shapes import infer_shapes
from detquant.graph.running import OrtRunner, session, with_taps


@pytest.fixture
def chain(build):
    rows = [
        ("Neg", ["x"], ["a"], {}),
        ("Exp", ["a"], ["b"], {}),
        ("NonZero", ["b"], ["where"], {}),
        ("Add", ["b", "k"], ["y"], {}),
    ]
    return infer_shapes(build(rows, {"x": [2, 2]}, {"y": None}, {"k": np.ones((2, 2), np.float32)}))


def test_outputs_by_name(chain):
    runner = OrtRunner(chain)
    assert (runner.input_names, runner.output_names) == (("x",), ("y",))
    assert runner.run({"x": np.zeros((2, 2), np.float32)})["y"].tolist() == [[2, 2], [2, 2]]


def test_a_model_may_be_bytes(chain):
    content = ir.to_proto(chain).SerializeToString()
    x = {"x": np.ones((2, 2), np.float32)}
    assert np.array_equal(OrtRunner(content, threads=2).run(x)["y"], OrtRunner(chain).run(x)["y"])


@pytest.mark.parametrize("optimisation", ["all", "extended", "basic", "none"])
def test_optimisation_levels_agree(chain, optimisation):
    (y,) = session(chain, optimisation=optimisation).run(None, {"x": np.zeros((2, 2), np.float32)})
    assert y.tolist() == [[2, 2], [2, 2]]


def test_taps_add_outputs_to_a_copy(chain):
    tapped = with_taps(chain, ["b", "a", "y", "b"])
    found = OrtRunner(tapped).run({"x": np.zeros((2, 2), np.float32)})
    assert list(found) == ["y", "b", "a"] and found["b"].tolist() == [[1, 1], [1, 1]]
    assert [value.name for value in chain.graph.outputs] == ["y"]


def test_taps_leave_out_what_cannot_be_given_out(chain):
    # of varying shape, an input, an initializer
    assert [value.name for value in with_taps(chain, ["where", "x", "k"]).graph.outputs] == ["y"]


def test_taps_leave_out_values_inside_subgraphs(chain):
    inner = [ir.node(op, [chain.graph.outputs[0]], name=op) for op in ("Relu", "Neg")]
    for node in inner:
        node.outputs[0].name = f"inner_{node.op_type}"
    branches = [ir.Graph([], node.outputs, nodes=[node], name=node.op_type) for node in inner]
    condition = ir.node("Constant", [], {"value": ir.tensor(np.array(True))})
    either = ir.node("If", condition.outputs, {"then_branch": branches[0], "else_branch": branches[1]})
    chain.graph.extend([condition, either])
    assert [value.name for value in with_taps(chain, ["inner_Relu"]).graph.outputs] == ["y"]


def test_a_tap_on_nothing_is_refused(chain):
    with pytest.raises(ModelError, match="no value 'nowhere'"):
        with_taps(chain, ["nowhere"])


@pytest.mark.parametrize(
    ("feeds", "sentence"),
    [
        ({}, "input 'x' was given nothing"),
        ({"x": np.zeros((3, 2), np.float32)}, "cannot run the model: .*[Dd]imensions"),
        ({"x": np.zeros((2, 2), np.int8)}, "cannot run the model: .*tensor\\(int8\\)"),
    ],
)
def test_feeds_that_do_not_fit_are_one_sentence(chain, feeds, sentence, capfd):
    with pytest.raises(ModelError, match=sentence) as refused:
        OrtRunner(chain).run(feeds)
    assert "\n" not in str(refused.value)
    assert capfd.readouterr() == ("", "")


def test_a_model_that_the_runtime_refuses_is_one_sentence(build, capfd):
    model = build([("NoSuchOperator", ["x"], ["y"], {})], {"x": [1]}, {"y": [1]})
    with pytest.raises(ModelError, match=r"ONNX Runtime refuses the model: .*NoSuchOperator") as refused:
        OrtRunner(model)
    assert "\n" not in str(refused.value)
    with pytest.raises(ModelError, match="ONNX Runtime refuses the model"):
        session(b"not a model")
    assert capfd.readouterr() == ("", "")
