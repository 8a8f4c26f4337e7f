"""Tell where a chain of moves enlarges a map by nearest neighbour, and write it as one Resize.

Keras writes UpSampling2D as Unsqueeze, Tile, Transpose and Reshape, PyTorch's pixel tricks look alike. Runtimes then
copy the map several times, and quantisation stops at the Tile. A chain is

1. a Tile, with what moves values before and behind it: Unsqueeze, Squeeze, Reshape, Transpose, Tile, each read by the
   next one only;
2. from a map [1, c, h, w] to a map [1, c, a h, b w], or with its channels last [1, a h, b w, c], both known;
3. in which a map of numbers 0, 1, 2, ... comes out with each number a times b times, in its place.

What 3 says is tried, not concluded: so any order and number of moves will do.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from detquant.graph.moves import moved
from detquant.graph.values import fresh_name, is_op, is_used_once, new_initializer, static_shape, used_names
from detquant.numerics.arrays import Array

_MOVES = ("Unsqueeze", "Squeeze", "Reshape", "Transpose", "Tile")
_LAYOUTS = ((0, 1, 2, 3), (0, 2, 3, 1))
_LONGEST = 16
_LARGEST = 1 << 24
"""Most values of a map on which a chain is tried."""


def find_upsampling(model: ir.Model) -> ir.Model:
    """Write each such chain as a Resize, in place; shapes must be known."""
    for node in tuple(model.graph):
        if is_op(node, "Tile") and node.graph is model.graph:
            _rewrite(model.graph, node)
    return model


def _rewrite(graph: ir.Graph, tile: ir.Node) -> None:
    before, behind = _before(tile), _behind(tile)
    # The longest chain first: a shorter one may end in a map too, before the other axis is done.
    for last in range(len(behind) - 1, -1, -1):
        for first in range(len(before)):
            chain = [*before[first:], tile, *behind[: last + 1]]
            for perm in _LAYOUTS:
                factors = _factors(chain, perm)
                if factors is not None:
                    _replace(graph, chain, factors, perm)
                    return


def _before(tile: ir.Node) -> list[ir.Node]:
    """The moves in front, in order."""
    found: list[ir.Node] = []
    value = tile.inputs[0]
    while value is not None and len(found) < _LONGEST:
        node = value.producer()
        if node is None or not is_op(node, *_MOVES) or not is_used_once(value):
            break
        found.insert(0, node)
        value = node.inputs[0]
    return found


def _behind(tile: ir.Node) -> list[ir.Node]:
    """The moves behind, in order."""
    found: list[ir.Node] = []
    value = tile.outputs[0]
    while is_used_once(value) and len(found) < _LONGEST:
        node = next(iter(value.uses())).node
        if not is_op(node, *_MOVES) or node.inputs[0] is not value:
            break
        found.append(node)
        value = node.outputs[0]
    return found


def _factors(chain: list[ir.Node], perm: tuple[int, ...]) -> tuple[int, int] | None:
    """How often each row and column comes, or None if the chain does something else.

    Args:
        chain: the moves, in order.
        perm: the order of axes in which the enlarged map comes out.
    """
    source, given = static_shape(chain[0].inputs[0]), static_shape(chain[-1].outputs[0])
    if source is None or given is None or len(source) != 4 or len(given) != 4:
        return None
    result = tuple(given[perm.index(axis)] for axis in range(4))
    if source[:2] != result[:2]:
        return None
    rows, columns = result[2] // max(source[2], 1), result[3] // max(source[3], 1)
    if rows * columns < 2 or result[2:] != (rows * source[2], columns * source[3]) or np.prod(result) > _LARGEST:
        return None
    numbers: Array = np.arange(np.prod(source)).reshape(source)
    wanted = np.repeat(np.repeat(numbers, rows, axis=2), columns, axis=3).transpose(perm)
    for node in chain:
        after = moved(node, numbers)
        if after is None:
            return None
        numbers = after
    return (rows, columns) if np.array_equal(numbers, wanted) else None


def _replace(graph: ir.Graph, chain: list[ir.Node], factors: tuple[int, int], perm: tuple[int, ...]) -> None:
    source, result = chain[0].inputs[0], chain[-1].outputs[0]
    taken = used_names(graph)
    scales = new_initializer(graph, f"{result.name}_scales", np.array([1, 1, *factors], np.float32), taken)
    how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    resize = ir.node("Resize", [source, None, scales], how, name=fresh_name(f"{result.name}_upsampled", taken))
    output, name = resize.outputs[0], result.name
    output.type = result.type
    graph.insert_before(chain[0], resize)
    if perm != _LAYOUTS[0]:
        shape = static_shape(result) or ()
        output.shape = ir.Shape([shape[perm.index(axis)] for axis in range(4)])
        output.name = fresh_name(f"{name}_upsampled", taken)
        turn = ir.node("Transpose", [output], {"perm": list(perm)}, name=fresh_name(f"{name}_turned", taken))
        graph.insert_after(resize, turn)
        output = turn.outputs[0]
        output.type = result.type
    output.shape = result.shape
    ir.convenience.replace_all_uses_with(result, output, replace_graph_outputs=True)
    graph.remove(list(reversed(chain)), safe=True)
    output.name = name
