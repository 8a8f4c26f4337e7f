"""Nets of each kind of dependency: without some channels they give what they give with zeros in these."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper

from detquant.graph import prepare
from detquant.graph.channels import trace, without_channels
from detquant.graph.infer_shapes import infer_shapes
from detquant.graph.running import OrtRunner
from detquant.graph.summary import summarize
from detquant.graph.values import static_shape

MAP = [1, 3, 8, 8]
SAME = {"pads": [1, 1, 1, 1]}


def conv(name, takes, gives, read, made, kernel=1, groups=1, bias=True, **attributes):
    """A row and its weights: a Conv from a value to another."""
    rng = np.random.default_rng(sum(map(ord, name)))
    weights = {f"{name}_w": rng.normal(size=(made, read // groups, kernel, kernel)).astype(np.float32)}
    if bias:
        weights[f"{name}_b"] = rng.normal(size=made).astype(np.float32)
    pads = {"pads": [kernel // 2] * 4}
    row = ("Conv", [takes, *weights], [gives], {"name": name, "group": groups, **pads, **attributes})
    return row, weights


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def whole(*entries):
    return np.array(entries, np.int64)


def relu(takes, gives):
    return ("Relu", [takes], [gives], {})


STEM = conv("stem", "x", "s0", 3, 8, 3)
A = [STEM, relu("s0", "s")]
"""Eight channels in `s`."""


def head(takes, read, name="head"):
    return conv(name, takes, name, read, 4)


# name: (rows, constants, outputs, how many channels may go, whether zeros stay zeros on the way)
CASES = {
    "plain": ([*A, head("s", 8)], {}, 8, True),
    "add": ([*A, conv("m", "s", "m", 8, 8, 3), ("Add", ["s", "m"], ["a"], {}), head("a", 8)], {}, 8, True),
    "add of two layers, twice": (
        [
            *A,
            conv("m", "s", "m0", 8, 6),
            relu("m0", "m"),
            conv("n", "m", "n", 6, 8),
            ("Add", ["s", "n"], ["a"], {}),
            conv("o", "a", "o", 8, 8, 3),
            ("Add", ["a", "o"], ["b"], {}),
            head("b", 8),
        ],
        {},
        14,
        True,
    ),
    "c2f": (
        [
            *A,
            ("Split", ["s", "halves"], ["l", "r"], {"axis": 1}),
            conv("p", "r", "p0", 4, 5, 3),
            relu("p0", "p"),
            conv("q", "p", "q0", 5, 4, 3),
            ("Add", ["q0", "r"], ["q"], {}),
            ("Concat", ["l", "r", "q"], ["c"], {"axis": 1}),
            conv("out", "c", "o0", 12, 7),
            relu("o0", "o"),
            head("o", 7),
        ],
        {"halves": whole(4, 4)},
        8 + 5 + 7,
        True,
    ),
    "split in equal parts": (
        [*A, ("Split", ["s"], ["l", "r"], {"axis": 1, "num_outputs": 2}), ("Mul", ["l", "r"], ["m"], {}), head("m", 4)],
        {},
        4,
        True,
    ),
    "slices": (
        [
            *A,
            ("Slice", ["s", "i0", "i3", "i1"], ["l"], {}),
            ("Slice", ["s", "i-5", "far", "i1"], ["r"], {}),
            ("Concat", ["r", "l"], ["c"], {"axis": 1}),
            head("c", 8),
        ],
        {"i0": whole(0), "i3": whole(3), "i1": whole(1), "i-5": whole(-5), "far": whole(2**62)},
        8,
        True,
    ),
    "slices with a step": (
        [*A, ("Slice", ["s", "i0", "far", "i1", "i2"], ["l"], {}), head("l", 4)],
        {"i0": whole(0), "far": whole(2**62), "i1": whole(1), "i2": whole(2)},
        0,
        True,
    ),
    "slices of rows": (
        [*A, ("Slice", ["s", "i0", "far", "i2", "i2"], ["l"], {}), head("l", 8)],
        {"i0": whole(0), "far": whole(2**62), "i2": whole(2)},
        8,
        True,
    ),
    "concat with the image": ([*A, ("Concat", ["x", "s"], ["c"], {"axis": 1}), head("c", 11)], {}, 8, True),
    "concat of rows": (
        [*A, conv("m", "x", "m", 3, 8), ("Concat", ["s", "m"], ["c"], {"axis": 2}), head("c", 8)],
        {},
        8,
        True,
    ),
    "inverted residual with squeeze and excitation": (
        [
            *A,
            conv("expand", "s", "e0", 8, 12),
            relu("e0", "e"),
            conv("deep", "e", "d0", 12, 12, 3, groups=12),
            relu("d0", "d"),
            ("GlobalAveragePool", ["d"], ["g"], {}),
            conv("squeeze", "g", "q0", 12, 4),
            relu("q0", "q"),
            conv("excite", "q", "t0", 4, 12),
            ("HardSigmoid", ["t0"], ["t"], {}),
            ("Mul", ["d", "t"], ["m"], {}),
            conv("project", "m", "p", 12, 8),
            ("Add", ["p", "s"], ["a"], {}),
            head("a", 8),
        ],
        {},
        8 + 12 + 4,
        True,
    ),
    "depthwise with two of each": ([*A, conv("d", "s", "d", 8, 16, 3, groups=8), head("d", 16)], {}, 8, True),
    "shuffle": (
        [
            *A,
            ("Split", ["s", "halves"], ["l", "r"], {"axis": 1}),
            conv("p", "r", "p0", 4, 4),
            relu("p0", "p"),
            conv("d", "p", "d", 4, 4, 3, groups=4),
            conv("q", "d", "q0", 4, 4),
            relu("q0", "q"),
            ("Concat", ["l", "q"], ["c"], {"axis": 1}),
            ("Reshape", ["c", "apart"], ["c5"], {}),
            ("Transpose", ["c5"], ["t5"], {"perm": [0, 2, 1, 3, 4]}),
            ("Reshape", ["t5", "together"], ["m"], {}),
            conv("after", "m", "n0", 8, 8, 3, groups=8),
            head("n0", 8),
        ],
        {"halves": whole(4, 4), "apart": whole(0, 2, 4, 8, 8), "together": whole(1, -1, 8, 8)},
        4 + 4 + 4,
        True,
    ),
    "groups": (
        [*A, conv("g", "s", "g0", 8, 12, 3, groups=2), relu("g0", "g"), head("g", 12)],
        {},
        4 + 6,
        True,
    ),
    "batchnorm, slope and numbers for each channel": (
        [
            *A,
            ("BatchNormalization", ["s", "one", "two", "three", "four"], ["b"], {}),
            ("PRelu", ["b", "slope"], ["p"], {}),
            ("Mul", ["p", "slope"], ["m"], {}),
            ("Add", ["flat", "m"], ["a"], {}),
            ("InstanceNormalization", ["a", "one", "two"], ["i"], {}),
            head("i", 8),
        ],
        {
            "one": numbers(8, seed=1),
            "two": numbers(8, seed=2),
            "three": numbers(8, seed=3),
            "four": numbers(8, seed=4) ** 2,
            "slope": numbers(8, 1, 1, seed=5),
            "flat": numbers(1, 8, 1, 1, seed=6),
        },
        8,
        False,
    ),
    "a map for all channels": (
        [*A, conv("m", "s", "m", 8, 1), ("Mul", ["s", "m"], ["a"], {}), head("a", 8)],
        {},
        8 + 1,
        True,
    ),
    "pools, pads and sizes": (
        [
            *A,
            ("MaxPool", ["s"], ["p"], {"kernel_shape": [2, 2], "strides": [2, 2]}),
            ("Resize", ["p", "", "", "size"], ["u"], {"mode": "nearest"}),
            ("Pad", ["u", "pads"], ["w"], {}),
            ("AveragePool", ["w"], ["v"], {"kernel_shape": [3, 3]}),
            ("Resize", ["v", "", "scale"], ["z"], {"mode": "linear"}),
            ("Clip", ["z", "low", "high"], ["k"], {}),
            head("k", 8),
        ],
        {
            "size": whole(1, 8, 8, 8),
            "pads": whole(0, 0, 1, 1, 0, 0, 1, 1),
            "scale": np.array([1, 1, 2, 2], np.float32),
            "low": np.float32(0),
            "high": np.float32(6),
        },
        8,
        True,
    ),
    "more channels by padding": (
        [
            *A,
            ("Pad", ["s", "pads"], ["w"], {}),
            conv("m", "s", "m", 8, 12),
            ("Add", ["w", "m"], ["a"], {}),
            head("a", 12),
        ],
        {"pads": whole(0, 2, 0, 0, 0, 2, 0, 0)},
        8,
        True,
    ),
    "flatten and gemm": (
        [
            *A,
            ("MaxPool", ["s"], ["p"], {"kernel_shape": [4, 4], "strides": [4, 4]}),
            ("Flatten", ["p"], ["f"], {"axis": 1}),
            ("Gemm", ["f", "w1", "b1"], ["h0"], {"name": "hidden", "transB": 1}),
            relu("h0", "h"),
            ("MatMul", ["h", "w2"], ["k0"], {"name": "more"}),
            relu("k0", "k"),
            ("Gemm", ["k", "w3", "b3"], ["head"], {"name": "last"}),
        ],
        {"w1": numbers(10, 32), "b1": numbers(1, 10), "w2": numbers(10, 7), "w3": numbers(7, 4), "b3": numbers(4)},
        8 + 10 + 7,
        True,
    ),
    "means of the map": (
        [
            *A,
            ("ReduceMax", ["s", "axes"], ["f"], {"keepdims": 0}),
            ("Unsqueeze", ["f", "end"], ["f3"], {}),
            ("Squeeze", ["f3", "end"], ["f2"], {}),
            ("Gemm", ["f2", "w", "b"], ["head"], {"name": "last"}),
        ],
        {"axes": whole(2, 3), "end": whole(2), "w": numbers(8, 4), "b": numbers(4)},
        8,
        True,
    ),
    "channels last": (
        [
            *A,
            ("Transpose", ["s"], ["t"], {"perm": [0, 2, 3, 1]}),
            ("Reshape", ["t", "rows"], ["r"], {}),
            ("MatMul", ["r", "w"], ["m0"], {"name": "product"}),
            ("Add", ["m0", "b"], ["m"], {}),
            ("Softmax", ["m"], ["n"], {"axis": 1}),
            ("Transpose", ["n"], ["u"], {"perm": [0, 2, 1]}),
            ("Reshape", ["u", "map"], ["v"], {}),
            head("v", 6),
        ],
        {"rows": whole(1, 64, 8), "w": numbers(8, 6), "b": numbers(6), "map": whole(1, 6, 8, 8)},
        8 + 6,
        False,
    ),
    "channels in another order": (
        [*A, ("Gather", ["s", "order"], ["g"], {"axis": 1}), head("g", 5)],
        {"order": whole(7, -6, 0, 2, 2)},
        8,
        True,
    ),
    "mixed by softmax": ([*A, ("Softmax", ["s"], ["m"], {"axis": 1}), head("m", 8)], {}, 0, True),
    "mixed by a mean": (
        [*A, ("ReduceMax", ["s", "axes"], ["m"], {}), ("Mul", ["s", "m"], ["n"], {}), head("n", 8)],
        {"axes": whole(1)},
        0,
        True,
    ),
    "moved into rows": (
        [*A, ("DepthToSpace", ["s"], ["d"], {"blocksize": 2}), head("d", 2)],
        {},
        0,
        True,
    ),
    "added to the image": ([conv("m", "x", "m", 3, 3), ("Add", ["m", "x"], ["a"], {}), head("a", 3)], {}, 0, True),
    "given out as well": (
        [*A, conv("m", "s", "m0", 8, 8), relu("m0", "m"), head("m", 8), ("Identity", ["s"], ["seen"], {})],
        {},
        8,
        True,
    ),
    "attention": (
        [
            *A,
            conv("v", "s", "v", 8, 8),
            ("Reshape", ["s", "flat"], ["a"], {}),
            ("Reshape", ["v", "flat"], ["b0"], {}),
            ("Transpose", ["b0"], ["b"], {"perm": [0, 2, 1]}),
            ("MatMul", ["a", "b"], ["c"], {}),
            ("Reshape", ["c", "map"], ["d"], {}),
            conv("head", "d", "head", 1, 4),
        ],
        {"flat": whole(1, 8, 64), "map": whole(1, 1, 8, 8)},
        0,
        True,
    ),
}


@pytest.fixture
def net(build):
    def make(rows, constants) -> ir.Model:
        pairs = [row if isinstance(row[1], dict) else (row, {}) for row in rows]
        weights = {**constants, **{name: array for _, more in pairs for name, array in more.items()}}
        made = {gives for (_, _, outputs, _), _ in pairs for gives in outputs}
        return prepare(
            build([row for row, _ in pairs], {"x": MAP}, {n: None for n in ("head", "seen") if n in made}, weights)
        )

    return make


def compare(before, small, shape=MAP):
    x = {"x": np.random.default_rng(1).normal(size=shape).astype(np.float32)}
    expected, found = OrtRunner(before).run(x), OrtRunner(small).run(x)
    assert list(expected) == list(found)
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, atol=1e-4 * (1 + np.abs(array).max()))


def require_inferred_shapes(model):
    """ONNX finds the shapes that the values have."""
    told = {value.name: static_shape(value) for node in model.graph for value in node.outputs}
    bare = model.clone()
    for node in bare.graph:
        for value in node.outputs:
            value.shape = None
    infer_shapes(bare)
    assert told == {value.name: static_shape(value) for node in bare.graph for value in node.outputs}


@pytest.mark.parametrize("case", CASES)
def test_without_channels_is_as_with_zeros(case, net, unread, silent, some_of):
    rows, constants, free, zeros_stay = CASES[case]
    model = net(rows, constants)
    channels = trace(model.graph)
    every = np.unique(channels.roots(np.arange(len(channels.atoms))))
    assert int(channels.removable(every).sum()) == free
    for seed in range(3 if free else 0):
        gone = some_of(channels, seed)
        assert gone
        small = without_channels(model, channels, gone)
        require_inferred_shapes(small)
        compare(unread(model, channels, gone), small)
        if zeros_stay:
            compare(silent(model, channels, gone), small)
        left = sum(
            layer.macs_left(lambda atoms, gone=gone: ~np.isin(channels.roots(atoms), gone))
            for layer in channels.layers.values()
        )
        assert summarize(small.graph).macs == pytest.approx(left)
        assert summarize(small.graph).macs < summarize(model.graph).macs


def test_the_model_given_is_not_changed(net, some_of):
    model = net(CASES["c2f"][0], CASES["c2f"][1])
    before = OrtRunner(model).run({"x": numbers(*MAP)})["head"]
    channels = trace(model.graph)
    without_channels(model, channels, some_of(channels, 0))
    np.testing.assert_array_equal(OrtRunner(model).run({"x": numbers(*MAP)})["head"], before)


TRANSPOSED = {
    "plain": ((8, 5, 2, 2), 1, 8 + 5),
    "groups": ((8, 3, 2, 2), 2, 4 + 3),
    "depthwise": ((8, 1, 2, 2), 8, 8),
    "depthwise with two of each": ((8, 2, 2, 2), 8, 8),
}


@pytest.mark.parametrize("case", TRANSPOSED)
def test_transposed_convolutions(case, net, unread, silent, some_of):
    shape, groups, free = TRANSPOSED[case]
    made = shape[1] * groups
    rows = [
        *A,
        ("ConvTranspose", ["s", "w", "b"], ["t0"], {"name": "spread", "group": groups, "strides": [2, 2]}),
        relu("t0", "t"),
        head("t", made),
    ]
    model = net(rows, {"w": numbers(*shape), "b": numbers(made)})
    channels = trace(model.graph)
    every = np.unique(channels.roots(np.arange(len(channels.atoms))))
    assert int(channels.removable(every).sum()) == free
    for seed in range(3):
        gone = some_of(channels, seed)
        small = without_channels(model, channels, gone)
        require_inferred_shapes(small)
        compare(unread(model, channels, gone), small)
        compare(silent(model, channels, gone), small)


def test_layers_of_one_weight_lose_the_same_channels(net, unread, some_of):
    rows = [
        *A,
        conv("m", "s", "m", 8, 8, 3),
        ("Conv", ["s", "shared"], ["a0"], {"name": "one"}),
        ("Conv", ["m", "shared"], ["b0"], {"name": "other"}),
        relu("a0", "a"),
        relu("b0", "b"),
        conv("head", "a", "head", 6, 4),
        conv("seen", "b", "seen", 6, 4),
    ]
    model = net(rows, {"shared": numbers(6, 8, 1, 1)})
    channels = trace(model.graph)
    every = np.unique(channels.roots(np.arange(len(channels.atoms))))
    assert int(channels.removable(every).sum()) == 8 + 6
    gone = some_of(channels, 0)
    compare(unread(model, channels, gone), without_channels(model, channels, gone))


def test_what_a_subgraph_reads_stays(build):
    inner = [
        helper.make_graph(
            [helper.make_node("Mul", ["s", factor], [f"out_{factor}"])],
            factor,
            [],
            [helper.make_tensor_value_info(f"out_{factor}", TensorProto.FLOAT, [1, 8, 8, 8])],
        )
        for factor in ("low", "high")
    ]
    (stem, weights), (last, more) = STEM, head("m", 8)
    rows = [
        stem,
        relu("s0", "s"),
        ("ReduceMax", ["x"], ["top"], {"keepdims": 0}),
        ("Greater", ["top", "low"], ["yes"], {}),
        ("If", ["yes"], ["m"], {"then_branch": inner[0], "else_branch": inner[1]}),
        last,
    ]
    constants = {"low": np.float32(0.5), "high": np.float32(2)}
    model = prepare(build(rows, {"x": MAP}, {"head": None}, {**constants, **weights, **more}))
    channels = trace(model.graph)
    assert not channels.removable(np.arange(len(channels.atoms))).any()
