"""What OpenVINO computes of a file before there is an image, and what it would take for ever over."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

openvino = pytest.importorskip("openvino", reason="the extra openvino is not installed")
from openvino import opset13 as ops  # noqa: E402

from detquant.errors import ModelError, UnsupportedOperator  # noqa: E402
from detquant.graph import prepare  # noqa: E402
from detquant.importers import load_model  # noqa: E402
from detquant.importers.openvino import folding  # noqa: E402
from detquant.importers.openvino.folding import fold  # noqa: E402

HUGE = 2_000_000_000


def counting(rounds: int) -> Any:
    """A loop over constants alone."""
    value = ops.parameter([4], np.float32)
    grown = ops.add(value, ops.constant(np.float32(1)))
    loop = ops.loop(ops.constant(np.array(rounds)), ops.constant(np.array(True)))
    loop.set_function(openvino.Model([grown, ops.constant(np.array(True))], [value], "body"))
    loop.set_special_body_ports([-1, 1])
    loop.set_merged_input(value, ops.constant(np.zeros(4, np.float32)).output(0), grown.output(0))
    return loop.get_iter_value(grown.output(0), -1)


def doubled() -> Any:
    value = ops.constant(np.ones(1, np.float32))
    for _ in range(31):
        value = ops.concat([value, value], 0)
    return value


ASKED: dict[str, Callable[[], Any]] = {
    "range": lambda: ops.range(*(ops.constant(np.int64(one)) for one in (0, HUGE, 1)), "f32"),
    "broadcast": lambda: ops.broadcast(ops.constant(np.float32(1)), ops.constant(np.array([HUGE]))),
    "tile": lambda: ops.tile(ops.constant(np.ones(1000, np.float32)), ops.constant(np.array([HUGE // 1000]))),
    "doubling": doubled,
}


def beside_an_image(constant: Any) -> Any:
    """A net of one layer whose result is shifted by the largest number of a constant."""
    image = ops.parameter([1, 4, 8, 8], np.float32, name="x")
    layer = ops.convolution(image, ops.constant(np.ones((4, 4, 3, 3), np.float32)), [1, 1], [1, 1], [1, 1], [1, 1])
    shift = ops.reduce_max(constant, ops.constant(np.array([0])), False)
    return openvino.Model([ops.add(layer, shift)], [image], "net")


@pytest.mark.parametrize("kind", ASKED)
def test_numbers_that_no_memory_holds(kind: str, tmp_path: Path) -> None:
    openvino.serialize(beside_an_image(ASKED[kind]()), tmp_path / "net.xml")
    begun = time.monotonic()
    with pytest.raises(ModelError, match="which is more than can be run"):
        prepare(load_model(tmp_path / "net.xml").model)
    assert time.monotonic() - begun < 20


def test_a_loop_is_not_run(tmp_path: Path) -> None:
    openvino.serialize(beside_an_image(counting(10**12)), tmp_path / "net.xml")
    with pytest.raises(UnsupportedOperator, match="the operation Loop, and nothing in a file is run in a loop"):
        load_model(tmp_path / "net.xml")


def test_a_loop_that_a_shape_comes_from_is_not_run(tmp_path: Path) -> None:
    """OpenVINO would run it while it builds the operation behind it."""
    image = ops.parameter([1, 4, 8, 8], np.float32, name="x")
    sizes = ops.convert(counting(4), "i64")
    openvino.serialize(openvino.Model([ops.reshape(image, sizes, False)], [image], "net"), tmp_path / "net.xml")
    text = (tmp_path / "net.xml").read_text()
    for written in ('type="Loop"', "type = 'Loop'", 'type="&#76;oop"', 'type="&#x4c;oop"'):
        (tmp_path / "net.xml").write_text(text.replace('type="Loop"', written))
        with pytest.raises(UnsupportedOperator, match="the operation Loop, and nothing in a file is run in a loop"):
            load_model(tmp_path / "net.xml")


def test_what_is_small_is_folded() -> None:
    steps = [ops.constant(np.int64(one)) for one in (0, 100, 1)]
    model = beside_an_image(ops.multiply(ops.range(*steps, "f32"), ops.constant(np.float32(2))))
    fold(model)
    assert Counter(node.get_type_name() for node in model.get_ordered_ops() if node.get_type_name() != "Constant") == {
        "Parameter": 1,
        "Convolution": 1,
        "Add": 1,
        "Result": 1,
    }


def test_what_reads_an_unknown_size_is_folded_in_the_next_round() -> None:
    mask = ops.constant(np.array([0, 1, 1, 0, 1], np.float32))
    places = ops.reduce_max(ops.non_zero(mask, "i64"), ops.constant(np.array([1])), True)  # [[4]]
    many = ops.broadcast(ops.constant(np.float32(1)), ops.reshape(places, ops.constant(np.array([1])), False))
    model = beside_an_image(many)
    fold(model)
    assert not {"NonZero", "Broadcast", "ReduceMax"} & {node.get_type_name() for node in model.get_ordered_ops()}


def test_what_reads_an_unknown_size_may_ask_for_too_much(tmp_path: Path) -> None:
    mask = ops.constant(np.array([0, 1, 1, 0, 1], np.float32))
    places = ops.reduce_max(ops.non_zero(mask, "i64"), ops.constant(np.array([1])), False)  # [4]
    sizes = ops.multiply(places, ops.constant(np.int64(HUGE // 4)))
    model = beside_an_image(ops.broadcast(ops.constant(np.float32(1)), sizes))
    openvino.serialize(model, tmp_path / "net.xml")
    with pytest.raises(ModelError, match="which is more than can be run"):
        prepare(load_model(tmp_path / "net.xml").model)


def test_what_waits_for_what_cannot_be_run_does_not_wait_for_ever() -> None:
    """OpenVINO has no rule to compute this suppression, whose result has any size."""
    boxes = ops.constant(np.array([[[0, 0, 1, 1], [0, 0, 2, 2]]], np.float32))
    found = ops.multiclass_nms(boxes, ops.constant(np.array([[[0.5, 0.6]]], np.float32)))
    model = beside_an_image(ops.reshape(found.output(0), ops.constant(np.array([-1])), False))
    fold(model)
    assert "MulticlassNms" in {node.get_type_name() for node in model.get_ordered_ops()}


def test_many_that_are_large_together_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "LIMIT", 40_000)
    sums = [
        ops.reduce_max(ops.broadcast(ops.constant(np.float32(k)), ops.constant(np.array([9000]))), [0], False)
        for k in range(20)
    ]
    model = beside_an_image(ops.concat([ops.unsqueeze(one, [0]) for one in sums], 0))
    fold(model)
    left = Counter(node.get_type_name() for node in model.get_ordered_ops())["Broadcast"]
    assert 0 < left < 20
