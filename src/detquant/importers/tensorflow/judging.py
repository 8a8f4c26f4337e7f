"""A graph of TensorFlow, judged before OpenVINO translates it: what it asks for must have an end.

OpenVINO follows calls of functions without counting, and computes what does not depend on the image while it
translates. Refused are

1. nodes that go in a circle, but for the NextIteration of a loop;
2. functions that call themselves, that nest deeper than `_DEEPEST`, or that stand for more than `MOST_NODES` nodes;
3. loops that read nothing of what the model is given: they would be run at once, for as long as they like;
4. constants of a few numbers whose shapes say that they are more than `MOST_BYTES` together;
5. nodes of one name, and parts of a loop that read too little, or end nowhere.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path

from detquant.errors import ModelError
from detquant.graph.inline_functions import MOST_NODES
from detquant.importers.tensorflow.graph_def import GraphNodes, Node
from detquant.untrusted import in_units, one_line

MOST_BYTES = 256 << 20
_DEEPEST = 64
_BACK = "NextIteration"
_GIVEN = ("Placeholder", "PlaceholderWithDefault")
_SHAPES = ("Shape", "ShapeN", "Size", "Rank")
_WHILE = ("While", "StatelessWhile")
_ENTER = "Enter"
_PARTS = {"Enter": 1, "Exit": 1, "LoopCond": 1, "Merge": 2, "NextIteration": 1, "Switch": 2}
"""How many values each operation of a loop reads; the frontend counts on it."""
_ITEM = 4  # bytes of a number, more or less


def judge(graph: GraphNodes, path: Path) -> None:
    """Refuses the cases at the top of this file.

    Args:
        graph: with its functions.
        path: path of its file, for messages.

    Raises:
        ModelError: it is one of them.
    """
    for scope in (graph, *graph.functions):
        _judge_parts(scope, path)
        _judge_circles(scope, path)
        _judge_loops(scope, path)
    _judge_calls(graph, path)
    _judge_constants(graph, path)


def _judge_parts(scope: GraphNodes, path: Path) -> None:
    """Refuses nodes of one name, and parts of loops that read too little or end nowhere (case 5)."""
    if scope.twice:
        raise ModelError(f"'{path}' is damaged: it has several nodes named '{one_line(scope.twice[0])}'.")
    for node in scope.nodes.values():
        if node.op in _PARTS:
            joined = node.op != _BACK or any(reader.op == "Merge" for reader in scope.readers[node.name])
            if len(node.inputs) != _PARTS[node.op] or not joined:
                raise ModelError(
                    f"'{path}' is damaged: its loop is not whole ({node.op} '{one_line(node.name)}'). Export it again."
                )


def _judge_circles(scope: GraphNodes, path: Path) -> None:
    """Refuses nodes that go in a circle (case 1)."""
    waits = {node.name: len({one.name for one in _before(scope, node)}) for node in scope.nodes.values()}
    ready = deque(name for name, count in waits.items() if not count)
    while ready:
        name = ready.popleft()
        del waits[name]
        for reader in scope.readers[name]:
            if reader.op != _BACK and reader.name in waits:
                waits[reader.name] -= 1
                if not waits[reader.name]:
                    ready.append(reader.name)
    if waits:
        raise ModelError(
            f"'{path}' is damaged: its nodes go in a circle ('{one_line(min(waits))}' among them). Export it again."
        )


def _before(scope: GraphNodes, node: Node) -> list[Node]:
    return [] if node.op == _BACK else scope.sources(node)


def _judge_calls(graph: GraphNodes, path: Path) -> None:
    """Refuses functions that call themselves, nest too deep or stand for too many nodes (case 2)."""
    functions = {one.name: one for one in graph.functions}
    calls = {name: Counter(_called(one, functions)) for name, one in functions.items()}
    sizes: dict[str, tuple[int, int]] = {}  # nodes and depth, its calls written out
    for first in functions:
        pending, open_ones = [first], set[str]()
        while pending:
            name = pending[-1]
            inner = [one for one in calls[name] if one not in sizes]
            if name in sizes or not inner:
                nodes = len(functions[name].nodes) + sum(times * sizes[one][0] for one, times in calls[name].items())
                sizes[name] = nodes, 1 + max((sizes[one][1] for one in calls[name]), default=0)
                open_ones.discard(name)
                pending.pop()
                continue
            open_ones.add(name)
            if not open_ones.isdisjoint(inner):
                raise ModelError(f"'{path}' has a function that calls itself ('{one_line(name)}'): it has no end.")
            pending.extend(inner)
    nodes = len(graph.nodes) + sum(sizes[one][0] for one in _called(graph, functions))
    if nodes > MOST_NODES or max((depth for _, depth in sizes.values()), default=0) > _DEEPEST:
        raise ModelError(
            f"'{path}' has functions that stand for {nodes if nodes < 10**9 else 'billions of'} nodes, or nest deeper "
            f"than {_DEEPEST}: no detector is so large (at most {MOST_NODES} are taken). Export it again as a frozen "
            "graph, or to ONNX."
        )


def _called(scope: GraphNodes, functions: dict[str, GraphNodes]) -> Iterator[str]:
    """The functions that its nodes call, each as often as it is called."""
    for node in scope.nodes.values():
        if node.op in functions:
            yield node.op
        for value in node.attributes.values():
            names = [value.func.name, *(one.name for one in value.list.func)]
            yield from (name for name in names if name in functions)


def _judge_loops(scope: GraphNodes, path: Path) -> None:
    """Refuses loops that read nothing of what the model is given (case 3)."""
    loops: dict[str, list[Node]] = {}
    for node in scope.nodes.values():
        if node.op in _WHILE:
            loops[node.name] = [node]
        elif node.op == _ENTER and "frame_name" in node.attributes:
            loops.setdefault(node.attributes["frame_name"].s.decode(errors="replace"), []).append(node)
    if not loops:
        return
    given = _given(scope)
    for name, nodes in loops.items():
        if not any(node.name in given for node in nodes):
            raise ModelError(
                f"'{path}' has a loop of constants ('{one_line(name)}'), which would be run while the file is read and "
                "may have no end: export the model without it, or to ONNX, and give that file."
            )


def _given(scope: GraphNodes) -> set[str]:
    """The nodes that depend on what the graph is given, by more than its shape."""
    pending = [
        node
        for node in scope.nodes.values()
        if node.op in _GIVEN or any(name not in scope.nodes for name in node.inputs)  # an argument of a function
    ]
    found: set[str] = set()
    while pending:
        node = pending.pop()
        if node.name not in found and node.op not in _SHAPES:
            found.add(node.name)
            pending.extend(scope.readers[node.name])
    return found


def _judge_constants(graph: GraphNodes, path: Path) -> None:
    """Refuses constants whose shapes ask for too many bytes (case 4)."""
    asked = 0
    for scope in (graph, *graph.functions):
        for node in scope.nodes.values():
            if node.op != "Const" or "value" not in node.attributes:
                continue
            tensor = node.attributes["value"].tensor
            size = math.prod(max(dim.size, 0) for dim in tensor.shape.dim) * _ITEM
            if size > 8 * tensor.ByteSize():
                asked += size
                if asked > MOST_BYTES:
                    raise ModelError(
                        f"'{path}' has constants that ask for more than {in_units(MOST_BYTES)} of one number each "
                        f"('{one_line(node.name)}' among them): no detector has them. Export it again."
                    )
