from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import onnx_ir as ir
import pytest
from onnx import helper, numpy_helper

from detquant.errors import ModelError
from detquant.graph import loops
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


@pytest.fixture
def looping() -> Callable[..., bytes]:
    """looping(rounds, gathers): x plus what a loop counts to, 9; without end where it has no rounds."""

    def make(rounds: int | None, gathers: bool = False) -> bytes:
        value = helper.make_tensor_value_info
        body = helper.make_graph(
            [
                helper.make_node("Add", ["v", "one"], ["grown"]),
                helper.make_node("Less", ["grown", "most"], ["goes_on"]),
                helper.make_node("Expand", ["grown", "size"], ["all"]),
            ],
            "body",
            [value("i", 7, []), value("c", 9, []), value("v", 1, [])],
            [value("goes_on", 9, []), value("grown", 1, []), *([value("all", 1, [1000])] if gathers else [])],
            [numpy_helper.from_array(np.float32(1), "one"), numpy_helper.from_array(np.array([1000]), "size")],
        )
        outputs = ["last", "every"] if gathers else ["last"]
        nodes = [
            helper.make_node("Loop", ["rounds" if rounds else "", "true", "zero"], outputs, body=body),
            helper.make_node("Add", ["x", "last"], ["y"]),
        ]
        weights = {
            "rounds": np.array(rounds or 0),
            "true": np.array(True),
            "zero": np.float32(0),
            "most": np.float32(9),
        }
        if rounds is None:
            weights["most"] = np.float32(1e30)  # which float32 does not reach by ones
        graph = helper.make_graph(
            nodes,
            "loop",
            [value("x", 1, [1])],
            [value("y", 1, [1]), *([value("every", 1, None)] if gathers else [])],
            [numpy_helper.from_array(array, name) for name, array in weights.items()],
        )
        opsets = [helper.make_opsetid("", 17)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()

    return make


def test_a_loop_that_ends(looping):
    assert OrtRunner(looping(10**12)).run({"x": np.ones(1, np.float32)})["y"].tolist() == [10]


def test_a_loop_without_end_is_ended(looping, monkeypatch):
    monkeypatch.setattr(loops, "LONGEST", 0.2)
    runner = OrtRunner(looping(None))
    for _ in range(2):  # the session is sound after it
        begun = time.monotonic()
        with pytest.raises(ModelError, match=r"has a loop, and one image still ran after 0\.2 s.*without loops"):
            runner.run({"x": np.ones(1, np.float32)})
        assert time.monotonic() - begun < 5


@pytest.mark.skipif(loops.resource is None, reason="this system does not say how much memory was taken")
def test_a_loop_that_takes_more_and_more_is_ended(looping, monkeypatch):
    monkeypatch.setattr(loops, "MOST_BYTES", 64 << 20)
    with pytest.raises(ModelError, match=r"has a loop, and one image took more than 67\.1 MB"):
        OrtRunner(looping(None, gathers=True)).run({"x": np.ones(1, np.float32)})


def test_other_failures_of_a_loop_are_its_own(looping):
    with pytest.raises(ModelError, match="cannot run the model"):
        OrtRunner(looping(10)).run({"x": np.ones((1, 2), np.float32)})
