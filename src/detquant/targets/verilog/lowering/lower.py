"""An integer graph as a program: which operator becomes which instruction is one literal table.

A table that alone reads the codes of an operator is looked up by the same instruction: a convolution and its SiLU are
one. What only moves codes behind the last instructions is left to the host.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from detquant.errors import UnsupportedOperator
from detquant.integer.graph import IntegerGraph
from detquant.integer.head import IntegerHead
from detquant.integer.operators import (
    Blend,
    Concat,
    Convolution,
    IntegerOperator,
    Matrix,
    MaxPool,
    Mean,
    Move,
    Product,
    Sum,
    Table,
)
from detquant.targets.verilog.engine import LEAST_TABLE_BITS, MOST_TABLE_BITS, Array, Engine
from detquant.targets.verilog.folding import fold_for
from detquant.targets.verilog.lowering import blends, convolutions, elementwise, moves
from detquant.targets.verilog.lowering.draft import Draft, refused
from detquant.targets.verilog.lowering.fitting import fitted
from detquant.targets.verilog.lowering.heads import head_maps, require_head, stored_head
from detquant.targets.verilog.lowering.layouts import layout_for
from detquant.targets.verilog.lowering.reading import view_of
from detquant.targets.verilog.maps import CODE_BITS, StoredMap
from detquant.targets.verilog.memory_plan import plan_memory
from detquant.targets.verilog.program import Picture, Program

Lower = Callable[[IntegerOperator, Table | None, Draft], None]

COMPUTING: Mapping[type[IntegerOperator], Lower] = {
    Blend: blends.blend,
    Convolution: convolutions.convolution,
    Matrix: convolutions.matrix,
    MaxPool: elementwise.max_pool,
    Mean: elementwise.mean,
    Product: elementwise.multiply,
    Sum: elementwise.add,
    Table: elementwise.look_up,
}
MOVING: Mapping[type[IntegerOperator], Lower] = {Concat: moves.concat, Move: moves.move}

USUAL = Array()


def lower(
    graph: IntegerGraph, array: Array = USUAL, least: Engine | None = None, head: IntegerHead | None = None
) -> Program:
    """The program of a network.

    Args:
        graph: the network, from the codes of the image to those of the heads.
        array: size of the array.
        least: an engine whose parameters are to suffice, or be exceeded; so several programs may share one.
        head: the head that is to find detections in the network's last maps; None to leave these to the host.

    Raises:
        UnsupportedOperator: an operator has no instruction on the engine; it is named, with what to do. Or the head is
            not one that there is in hardware.
        TargetError: the program has no room in the engine's widths, or the head is another network's.
    """
    if head is not None:
        require_head(head, graph.outputs)
    host = _left_to_the_host(graph, [] if head is None else head_maps(head))
    own = [operator for operator in graph.operators if operator not in host]
    readers: dict[str, list[IntegerOperator]] = {}
    for operator in own:
        for name in dict.fromkeys(operator.inputs):
            readers.setdefault(name, []).append(operator)
    entries = [one.bits for one in own if isinstance(one, Table)]
    log_entries = max([LEAST_TABLE_BITS, least.log_entries if least else 0, *entries])
    draft = Draft(graph, array, log_entries, readers)
    heads = _heads(graph, host)
    _images(draft)
    done: set[IntegerOperator] = set()
    for operator in own:
        if operator not in done:
            table = _table_behind(draft, operator, heads)
            done |= {operator} | ({table} if table else set())
            _lower_one(draft, operator, table)
    makers = {operator.output: operator for operator in own}
    for name in heads:
        if name not in draft.views:
            view_of(draft, makers[name], name)
    stored = None if head is None else stored_head(draft, head)
    words = plan_memory(draft.maps, _spans(draft, heads))
    names = {**draft.graph.shapes}
    return Program(
        engine=fitted(draft.instructions, array, log_entries, words, least, None if stored is None else stored.sizes()),
        instructions=tuple(draft.instructions),
        images={name: Picture(draft.views[name], fold) for name, fold in draft.folds.items()},
        heads={name: draft.views[name] for name in heads},
        maps=tuple(draft.maps),
        words=words,
        offsets={name: draft.offset(name) for name in [*names, *draft.origins]},
        shapes=names,
        derived=tuple(draft.derived),
        host=tuple(operator.name for operator in host),
        head=stored,
    )


def _left_to_the_host(graph: IntegerGraph, read: Collection[str]) -> list[IntegerOperator]:
    """Operators that move codes and behind which none computes, and whose codes the head in hardware does not read."""
    found: list[IntegerOperator] = []
    needed: set[str] = set(read)
    for operator in reversed(graph.operators):
        if isinstance(operator, Concat | Move) and operator.output not in needed:
            found.append(operator)
        else:
            needed |= set(operator.inputs)
    return found[::-1]


def _heads(graph: IntegerGraph, host: list[IntegerOperator]) -> list[str]:
    """Tensors that the engine leaves in memory: the network's outputs, or what the host moves to them."""
    moved = {operator.output for operator in host}
    names = [*graph.outputs, *(name for operator in host for name in operator.inputs)]
    return [name for name in dict.fromkeys(names) if name not in moved]


def _images(draft: Draft) -> None:
    for one in draft.graph.images.values():
        shape = draft.graph.shapes[one.codes]
        if len(shape) != 4 or shape[0] != 1:
            raise UnsupportedOperator(
                f"The image '{one.codes}' has the shape {list(shape)}: the engine takes one image, channels first."
            )
        fold = fold_for(draft.readers.get(one.codes, []), shape[1], draft.array.icp)
        layout = layout_for(draft, one.codes, shape[1] * fold * fold)
        size = -(-shape[2] // fold), -(-shape[3] // fold)
        draft.folds[one.codes] = fold
        draft.keep(one.codes, draft.store(one.codes, layout.groups, size), layout)


def _table_behind(draft: Draft, operator: IntegerOperator, heads: list[str]) -> Table | None:
    """The table that alone reads what an operator computes."""
    readers = draft.readers.get(operator.output, [])
    if isinstance(operator, Table | Concat | Move) or len(readers) != 1 or operator.output in heads:
        return None
    return readers[0] if isinstance(readers[0], Table) and readers[0].axis is None else None


def _lower_one(draft: Draft, operator: IntegerOperator, table: Table | None) -> None:
    build = {**COMPUTING, **MOVING}.get(type(operator))
    if build is None:
        raise refused(operator, "there is none for it")
    for one in [operator] if table is None else [operator, table]:
        bits = draft.graph.grids[one.output].qtype.bits
        most = MOST_TABLE_BITS if one is operator and table is not None else CODE_BITS
        if bits > most:
            raise refused(operator, f"it gives codes of {bits} bits, and the engine has {most}")
    build(operator, table, draft)


def _spans(draft: Draft, heads: list[str]) -> dict[StoredMap, tuple[int, int]]:
    """First and last instruction that needs each map; images are there from the start, heads until the end."""
    end = len(draft.instructions)
    spans: dict[StoredMap, tuple[int, int]] = {}

    def need(stored: StoredMap, when: int) -> None:
        first, last = spans.get(stored, (when, when))
        spans[stored] = min(first, when), max(last, when)

    for image in draft.graph.images.values():
        for place in draft.views[image.codes].channels:
            need(place.stored, -1)
    for when, instruction in enumerate(draft.instructions):
        need(instruction.out, when)
        for segment in instruction.segments:
            need(segment.stored, when)
    for name in heads:
        for place in draft.views[name].channels:
            need(place.stored, end)
    return spans
