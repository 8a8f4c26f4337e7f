from __future__ import annotations

import numpy as np
import pytest

from detquant.graph import prepare
from detquant.graph.even_silu import silu_outputs, with_even_silu
from detquant.graph.running import OrtRunner, with_taps

RNG = np.random.default_rng(4)


def draw(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def net(build, reader="plain", ends=("y",)):
    """Conv, SiLU whose third channel is 40 times as large as the rest, and what reads it."""
    large = np.ones((8, 1, 1, 1), np.float32)
    large[2] = 40
    weights = {"w": draw(8, 3, 3, 3) * large / 5, "b": draw(8) / 5, "v": draw(4, 8, 1, 1), "each": draw(8, 1, 3, 3)}
    rows = [
        ("Conv", ["x", "w", "b"], ["c"], {"name": "first", "pads": [1, 1, 1, 1]}),
        ("Sigmoid", ["c"], ["g"], {"name": "gate"}),
        ("Mul", ["c", "g"], ["s"], {"name": "silu"}),
    ]
    rows += {
        "plain": [("Conv", ["s", "v"], ["y"], {"name": "second"})],
        "depthwise": [("Conv", ["s", "each"], ["y"], {"name": "second", "group": 8})],
        "both": [
            ("Conv", ["s", "v"], ["y"], {"name": "second"}),
            ("Conv", ["s", "each"], ["z"], {"name": "third", "group": 8}),
        ],
        "pool": [("Conv", ["s", "v"], ["y"], {}), ("MaxPool", ["s"], ["z"], {"kernel_shape": [2, 2]})],
    }[reader]
    read = {name for _, takes, _, _ in rows for name in takes}
    given = {name: array for name, array in weights.items() if name in read}
    return prepare(build(rows, {"x": [1, 3, 9, 9]}, dict.fromkeys(ends), given))


def peaks_of(model, feed):
    found = OrtRunner(with_taps(model, ["s"])).run(feed)["s"]
    return {"s": found.max(axis=(0, 2, 3))}


@pytest.mark.parametrize(
    ("reader", "ends"),
    [("plain", ("y",)), ("depthwise", ("y",)), ("both", ("y", "z"))],
    ids=["plain", "depthwise", "both"],
)
def test_the_same_function_with_channels_of_like_size(build, reader, ends):
    model = net(build, reader, ends)
    feed = {"x": draw(1, 3, 9, 9)}
    peaks = peaks_of(model, feed)
    assert silu_outputs(model) == ["s"] and peaks["s"].max() > 15 * np.median(peaks["s"])
    found = with_even_silu(model, peaks)
    even = peaks_of(found, feed)["s"]
    assert even.max() <= 2.001
    before, after = OrtRunner(model).run(feed), OrtRunner(found).run(feed)
    for name in ends:
        # The gate is clipped at 8, where sigmoid is 0.99966.
        assert np.abs(before[name] - after[name]).max() < 1e-3 * np.abs(before[name]).max()
    assert (
        sum(node.op_type == "Conv" for node in found.graph) == sum(node.op_type == "Conv" for node in model.graph) + 1
    )


def test_what_has_other_readers_stays(build):
    model = net(build, "pool", ("y", "z"))
    assert silu_outputs(model) == []
    assert len(with_even_silu(model, peaks_of(model, {"x": draw(1, 3, 9, 9)})).graph) == len(model.graph)


@pytest.mark.parametrize("peaks", [{}, {"s": np.ones(8, np.float32)}, {"s": np.zeros(8, np.float32)}])
def test_what_is_even_stays(build, peaks):
    model = net(build)
    assert [node.op_type for node in with_even_silu(model, peaks).graph] == [node.op_type for node in model.graph]
