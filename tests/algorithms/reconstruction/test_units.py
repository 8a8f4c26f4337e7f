"""Blocks are found on the graph: residual ones, those that split and join, necks, heads; every node is in one unit."""

from __future__ import annotations

import numpy as np
import pytest

from detquant.data import iter_images, open_dataset
from detquant.graph import prepare
from detquant.pipeline.detector import load

pytest.importorskip("torch", reason="the extra torch is not installed")

from detquant.algorithms.reconstruction.twin import twin_of
from detquant.algorithms.reconstruction.units import units_of

pytestmark = pytest.mark.usefixtures("one_thread")
IMAGE = {"x": [1, 4, 16, 16]}
SAME = {"pads": [1, 1, 1, 1]}


class Net:
    """Rows of a graph as they are written down, and weights for its convolutions."""

    def __init__(self):
        self.rows, self.weights, self.rng = [], {}, np.random.default_rng(1)

    def conv(self, name, source, takes=4, gives=4, act="Relu", **attributes):
        self.weights[f"{name}_w"] = self.rng.normal(0, 0.3, (gives, takes, 3, 3)).astype(np.float32)
        out = f"{name}_c" if act else name
        self.rows.append(("Conv", [source, f"{name}_w"], [out], {"name": name, **SAME, **attributes}))
        if act == "Silu":
            self.rows.append(("Sigmoid", [out], [f"{name}_g"], {"name": f"{name}_gate"}))
            self.rows.append(("Mul", [out, f"{name}_g"], [name], {"name": f"{name}_mul"}))
        elif act:
            self.rows.append((act, [out], [name], {"name": f"{name}_act"}))
        return name

    def op(self, kind, sources, *gives, **attributes):
        self.rows.append((kind, [*sources], [*gives], {"name": f"op_{gives[0]}", **attributes}))
        return gives[0]


@pytest.fixture
def blocks(build, narrow, images):
    """blocks(net, outputs, most): the layers of each unit that has any."""

    def find(net, outputs, most=10):
        model = prepare(build(net.rows, IMAGE, dict.fromkeys(outputs), net.weights))
        qm, _ = narrow(model, images(2, (1, 4, 16, 16)))
        return [unit.layers for unit in whole(twin_of(qm, "x"), most) if unit.layers]

    return find


def whole(twin, most):
    """The units, after it was looked at whether they are a partition in a good order."""
    units, known = units_of(twin, most), set(twin.inputs.values())
    nodes = [node for unit in units for node in unit.nodes]
    assert len(nodes) == len(set(nodes)) == len(twin.nodes)
    assert sorted(name for unit in units for name in unit.layers) == sorted(twin.layers)
    for unit in units:
        assert known.issuperset(unit.inputs)
        inside = set(unit.nodes)
        assert all(set(node.all_input_nodes) <= inside | set(unit.inputs) for node in unit.nodes)
        assert not inside & set(unit.inputs)
        known |= set(unit.outputs)
    return units


def test_a_chain_is_layers(blocks):
    net = Net()
    end = net.conv("c", net.conv("b", net.conv("a", "x"), act="Silu"), act="")
    assert blocks(net, [end]) == [("a",), ("b",), ("c",)]


def residual(net, name, source):
    inner = net.conv(f"{name}2", net.conv(f"{name}1", source), act="")
    total = net.op("Add", [inner, source], f"{name}_sum")
    return net.op("Relu", [total], f"{name}_out")


def test_residual_blocks_are_blocks_and_what_lies_between_is_not(blocks):
    net = Net()
    end = net.conv("head", residual(net, "v", residual(net, "u", net.conv("stem", "x"))), act="")
    assert blocks(net, [end]) == [("stem",), ("u1", "u2"), ("v1", "v2"), ("head",)]
    assert blocks(net, [end], most=1) == [(one,) for one in ("stem", "u1", "u2", "v1", "v2", "head")]


def test_a_block_with_a_convolution_on_its_short_way(blocks):
    net = Net()
    stem = net.conv("stem", "x")
    long, short = net.conv("two", net.conv("one", stem), act=""), net.conv("down", stem, act="")
    total = net.op("Relu", [net.op("Add", [long, short], "sum")], "out")
    found = blocks(net, [net.conv("head", total, act="")])
    assert [sorted(layers) for layers in found] == [["stem"], ["down", "one", "two"], ["head"]]


@pytest.mark.parametrize("kind", ["Split", "Slice"])
def test_a_c2f_goes_with_the_layers_that_part_and_mix_it(blocks, kind):
    net = Net()
    both = net.conv("cv1", net.conv("stem", "x"), act="Silu")
    if kind == "Split":
        net.weights["sizes"] = np.array([2, 2])
        net.op("Split", [both, "sizes"], "left", "right", axis=1)
    else:
        net.weights |= {"at0": np.array([0]), "at2": np.array([2]), "at4": np.array([4]), "axis": np.array([1])}
        net.op("Slice", [both, "at0", "at2", "axis"], "left")
        net.op("Slice", [both, "at2", "at4", "axis"], "right")
    inner = net.conv("m2", net.conv("m1", "right", 2, 2, "Silu"), 2, 2, "Silu")
    joined = net.op("Concat", ["left", "right", net.op("Add", ["right", inner], "sum")], "joined", axis=1)
    end = net.conv("head", net.conv("cv2", joined, 6, 4, "Silu"), act="")
    assert blocks(net, [end]) == [("stem",), ("cv1", "m1", "m2", "cv2"), ("head",)]


def test_a_pyramid_and_its_heads(blocks):
    """A tensor that comes back many layers later makes no block of what lies between."""
    net = Net()
    near = net.conv("near", net.conv("stem", "x"))
    far = residual(net, "u", net.conv("down", near, strides=[2, 2]))
    net.weights["scales"] = np.array([1, 1, 2, 2], np.float32)
    up = net.op("Resize", [far, "", "scales"], "up", mode="nearest")
    joined = net.op("Concat", [near, up], "joined", axis=1)
    neck = net.conv("neck", joined, 8, 4)
    boxes, scores = net.conv("box2", net.conv("box1", neck), act=""), net.conv("cls2", net.conv("cls1", far), act="")
    found = blocks(net, [boxes, scores], most=3)
    assert found[:4] == [("stem",), ("near",), ("down",), ("u1", "u2")]
    assert sorted(found[4:]) == [("box1",), ("box2",), ("cls1",), ("cls2",), ("neck",)]


def test_decoding_behind_the_last_layers_is_no_part_of_it(blocks):
    net = Net()
    end = net.conv("head", net.conv("stem", "x"), act="")
    net.op("NonZero", [net.op("Softmax", [end], "soft", axis=1)], "found")
    assert blocks(net, ["found"]) == [("stem",), ("head",)]


def test_many_nets_drawn_at_random_are_parted_well(build, narrow, images):
    for seed in range(12):
        rng, net, values = np.random.default_rng(seed), Net(), ["x"]
        for k in range(10):
            source = values[rng.integers(max(0, len(values) - 4), len(values))]
            if rng.random() < 0.6 or len(values) < 3:
                values.append(net.conv(f"l{k}", source, act=rng.choice(["Relu", "Silu", ""])))
            else:
                other = values[rng.integers(len(values))]
                values.append(net.op("Add", [source, other], f"s{k}"))
        end = net.conv("end", values[-1], act="")
        model = prepare(build(net.rows, IMAGE, {end: None, values[-2]: None}, net.weights))
        twin = twin_of(narrow(model, images(2, (1, 4, 16, 16)))[0], "x")
        for most in (0, 1, 3, 10):
            found = whole(twin, most)
            if not most:
                assert all(len(unit.layers) <= 1 for unit in found)


@pytest.mark.slow
def test_the_embedded_detector_comes_apart_as_its_authors_drew_it(narrow):
    detector = load("yolov8-pico")
    name = detector.family.input_name
    paths = open_dataset("scenes", 0).validation[:2]
    feeds = [{name: detector.family.preprocess(image)[0]} for _, image in iter_images(paths, [])]
    twin = twin_of(narrow(detector.model, feeds)[0], "x")
    layers = [unit.layers for unit in whole(twin, 0) if unit.layers]
    assert len(layers) == len(twin.layers) == 63
    found = [unit.layers for unit in whole(twin, 10) if unit.layers]
    parts = [{layer.split("/")[1] for layer in unit} for unit in found]
    backbone = [one for one in parts if one != {"model.22"}]
    assert backbone == [{f"model.{k}"} for k in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 18, 19, 21)]
