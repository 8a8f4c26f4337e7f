"""What does not depend on the image, computed once by OpenVINO, within bounds.

OpenVINO's ConstantFolding runs every operation whose inputs are constant, whatever it costs. Some bytes of a file may
ask for more numbers than any memory holds, and a loop may run for ever, so these stay as they are:

1. conversions of integers with a scale: they become DequantizeLinear;
2. Loop, TensorIterator and If; an If whose condition is known is replaced by the branch that runs, and folded then;
3. results larger than `LIMIT` or twice all constants of the file, and those beyond `_AT_ONCE` times that together;
4. what reads a result whose size is not known before: it waits for the next round.

`detquant.graph.fold_constants` has the same bounds for ONNX.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from detquant.importers.openvino.branches import inline_branches
from detquant.importers.openvino.quantizing import integer_converts

LIMIT = 64 << 20
"""Most bytes of a result that is computed from less."""

_AT_ONCE = 8
# The key under which ConstantFolding finds that it should leave a node alone.
_KEEP = "DisableConstantFolding_0"
_BODIES = {"Loop": 1, "TensorIterator": 1, "If": 2}


def fold(model: Any) -> None:
    """Folds constants, and branches on them.

    Args:
        model: an `openvino.Model` with fixed input shapes; changed.
    """
    from openvino.passes import ConstantFolding, Manager

    manager = Manager()
    manager.register_pass(ConstantFolding())
    waited: set[str] = set()
    while True:
        for node in integer_converts(model):  # case 1
            node.get_rt_info()[_KEEP] = True
        waiting = _Bounds(model).keep()
        manager.run_passes(model)
        for node in waiting:
            del node.get_rt_info()[_KEEP]
        before, waited = waited, {node.get_name() for node in waiting}
        if not inline_branches(model) and waited == before:  # none, or those behind what cannot be run
            return


class _Bounds:
    """The bounds of one round of folding: which operations may be run."""

    def __init__(self, model: Any) -> None:
        self._graphs = list(_graphs(model))
        held = sum(node.get_byte_size() for ops in self._graphs for node in ops if node.get_type_name() == "Constant")
        self._largest = max(LIMIT, 2 * held)
        self._left = _AT_ONCE * self._largest
        self._known: set[str] = set()  # names of operations whose results are, or will be, constants
        self._unsized: set[str] = set()  # those of them whose results' sizes are not known before

    def keep(self) -> list[Any]:
        """Marks what ConstantFolding is to leave alone, and gives those that only wait."""
        return [node for ops in self._graphs for node in ops if self._waits(node)]

    def _waits(self, node: Any) -> bool:
        kind, name = node.get_type_name(), node.get_name()
        if kind == "Constant":
            self._known.add(name)
            return False
        sources = [port.get_node().get_name() for port in node.input_values()]
        sizes = [_bytes(port) for port in node.outputs()]
        of_a_shape = kind == "ShapeOf" and node.input_value(0).get_partial_shape().is_static
        if kind == "Result" or _KEEP in node.get_rt_info().keys():  # noqa: SIM118 (OpenVINO's map is no dict)
            return False
        if not of_a_shape and not (sources and self._known.issuperset(sources)):
            return False
        if not self._unsized.isdisjoint(sources) and not of_a_shape:  # case 4
            node.get_rt_info()[_KEEP] = True
            self._known.add(name)
            self._unsized.add(name)
            return True
        made = sum(size or 0 for size in sizes)
        if kind in _BODIES or made > min(self._left, self._largest):  # cases 2 and 3
            node.get_rt_info()[_KEEP] = True
            return False
        self._left -= made
        self._known.add(name)
        if None in sizes:
            self._unsized.add(name)
        return False


def _graphs(model: Any) -> Iterator[list[Any]]:
    """The operations of a model in order, then those of the bodies inside, which are folded with it."""
    pending = [model]
    while pending:
        ops = pending.pop().get_ordered_ops()
        yield ops
        for node in ops:
            kind = node.get_type_name()
            pending.extend(
                node.get_function(k) if kind == "If" else node.get_function() for k in range(_BODIES.get(kind, 0))
            )


def _bytes(port: Any) -> int | None:
    """Bytes of a result; None where its shape is not known."""
    shape = port.get_partial_shape()
    if shape.is_dynamic:
        return None
    count = 1
    for dim in shape:
        count *= dim.get_length()
    return int(count * max(1, port.get_element_type().size))
