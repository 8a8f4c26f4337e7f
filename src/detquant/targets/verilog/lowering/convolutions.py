"""Convolutions and matrices: instructions of the array.

1. A convolution of one group of channels reads all words of its input, segment by segment.
2. A depthwise one is diagonal: each group of outputs reads the word of the same channels, with ``icp`` of
   ``icp * ocp`` products used. This is what the array can do for it: one step for each place of the window.
3. A convolution of some groups of channels is one of a single group whose weights between the groups are 0.
4. A matrix is a convolution whose window is the whole map.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from detquant.graph.window import Window
from detquant.integer.operators import Convolution, IntegerOperator, Layer, Matrix, Table
from detquant.targets.verilog.folding import folded_weights, folded_window
from detquant.targets.verilog.lowering.draft import Draft, Layout, refused
from detquant.targets.verilog.lowering.layouts import layout_for
from detquant.targets.verilog.lowering.reading import view_of
from detquant.targets.verilog.lowering.weights import (
    dense_tiles,
    dense_weights,
    diagonal_tiles,
    require_weight_bits,
    weighted,
)
from detquant.targets.verilog.maps import View, Word, runs
from detquant.targets.verilog.program import Instruction, Segment

Numbers = npt.NDArray[Any]


def convolution(operator: IntegerOperator, table: Table | None, draft: Draft) -> None:
    """Lowers a convolution, with the table behind it.

    Raises:
        UnsupportedOperator: it is transposed, or its weights have too many bits.
    """
    assert isinstance(operator, Convolution)
    if operator.stuffing != (1, 1):
        raise refused(operator, "a transposed convolution reads a map with zeros between its pixels")
    view = view_of(draft, operator, operator.inputs[0])
    require_weight_bits(operator, operator.weights)
    if operator.groups > 1 and operator.groups == len(view.channels) == len(operator.weights):
        _depthwise(operator, table, draft, view)  # case 2
        return
    dense, window = dense_weights(operator.weights, operator.groups), operator.window  # case 3
    fold = draft.folds.get(operator.inputs[0], 1)
    if fold > 1:
        dense, window = folded_weights(dense, window, fold), folded_window(window, fold)
    _by_the_array(operator, table, draft, view, dense, window)


def matrix(operator: IntegerOperator, table: Table | None, draft: Draft) -> None:
    """Lowers a product of one row with a matrix (case 4).

    Raises:
        UnsupportedOperator: it has several rows, or its weights have too many bits.
    """
    assert isinstance(operator, Matrix)
    name = operator.inputs[0]
    shape = draft.graph.shapes[name]
    if len(shape) != 2 or shape[0] != 1:
        raise refused(operator, f"it multiplies {list(shape)} by a matrix, and the engine takes one row")
    require_weight_bits(operator, operator.weights)
    weights, pending = operator.weights, draft.pending.get(name)
    if pending is None:
        view = draft.views[name]
        kernel = weights.reshape(len(weights), -1, 1, 1)
    else:
        view = draft.views[pending.source]
        if (pending.addresses < 0).any():
            raise refused(operator, "what it reads is padded")
        flat = np.zeros((len(weights), len(view.channels) * view.height * view.width), weights.dtype)
        flat[:, pending.addresses.reshape(-1)] = weights
        kernel = flat.reshape(len(weights), len(view.channels), view.height, view.width)
    size = (kernel.shape[2], kernel.shape[3])
    _by_the_array(operator, table, draft, view, kernel, Window.bare(size))


def _by_the_array(
    operator: Layer, table: Table | None, draft: Draft, view: View, weights: Numbers, window: Window
) -> None:
    """Case 1: all words of the input for each group of outputs."""
    array, gives = draft.array, (table or operator).output
    layout = layout_for(draft, gives, len(weights))
    groups = -(-layout.groups // array.many) * array.many
    out_groups = -(-(max(layout.slots) + 1) // array.ocp)
    words = draft.words(view)
    channels = draft.channels_of(layout.slots, -(-out_groups * array.ocp // array.icp))
    segments = tuple(_segment(run, len(run)) for run in runs(words))
    tiles = dense_tiles(weights, words, layout.slots, out_groups, array)
    out = draft.store(gives, groups, _size(draft, gives))
    _add(
        operator, table, draft, tiles, channels, window,
        segments=segments, out=out, out_groups=out_groups, size=(view.height, view.width),
    )  # fmt: skip
    draft.keep(gives, out, layout)


def _depthwise(operator: Convolution, table: Table | None, draft: Draft, view: View) -> None:
    """Case 2: an instruction for each run of words, whose channels keep their lanes."""
    array, gives = draft.array, (table or operator).output
    words = draft.words(view)
    pieces = [run for run in runs(words)]
    sizes = [-(-len(run) // array.many) * array.many for run in pieces]
    out = draft.store(gives, sum(sizes), _size(draft, gives))
    slots, first = [0] * len(view.channels), 0
    for run, size in zip(pieces, sizes, strict=True):
        for place, word in enumerate(run):
            for lane, channel in word.lanes.items():
                slots[channel] = (first + place) * array.icp + lane
        first += size
    layout, first = Layout(tuple(slots), out.groups), 0
    of_all = draft.channels_of(layout.slots, out.groups)
    for run, size in zip(pieces, sizes, strict=True):
        channels = of_all[first * array.icp : (first + size) * array.icp]
        out_groups = size * array.icp // array.ocp
        tiles = diagonal_tiles(operator.weights, channels, out_groups, array)
        _add(
            operator, table, draft, tiles, channels, operator.window,
            segments=(_segment(run, array.many),), out=out, out_first=first, out_groups=out_groups, diagonal=True,
            size=(view.height, view.width),
        )  # fmt: skip
        first += size
    draft.keep(gives, out, layout)


def _segment(run: list[Word], groups: int) -> Segment:
    return Segment(stored=run[0].stored, first=run[0].group, groups=groups, shift=run[0].shift)


def _size(draft: Draft, name: str) -> tuple[int, int]:
    """Height and width of a tensor; of a row, 1 and 1."""
    shape = draft.graph.shapes[name]
    return (shape[2], shape[3]) if len(shape) == 4 else (1, 1)


def _add(
    operator: Layer,
    table: Table | None,
    draft: Draft,
    tiles: Numbers,
    channels: npt.NDArray[np.int64],
    window: Window,
    **where: Any,
) -> None:
    """Adds the instruction, with what it shares with all others of the array."""
    own, zero_in = draft.offset(operator.output), draft.zero(operator.inputs[0])
    own_channels = np.full(len(tiles) * draft.array.ocp, -1, np.int64)
    own_channels[: len(channels)] = channels[: len(own_channels)]
    height, width = where["out"].height, where["out"].width
    share = (own_channels >= 0).sum() / len(operator.weights)
    draft.instructions.append(
        Instruction(
            name=operator.name,
            operator="Depthwise" if where.get("diagonal") else type(operator).__name__,
            gives=(table or operator).output,
            channels=channels,
            kernel=window.kernel,
            strides=window.strides,
            dilations=window.dilations,
            pads=(window.pads[0][0], window.pads[1][0]),
            fill=zero_in,
            zero=operator.zero_out - own,
            low=operator.low - own,
            high=operator.high - own,
            weighted=weighted(operator, tiles, zero_in, own_channels),
            table=None if table is None else draft.table(table, operator.output),
            macs=round(operator.weights.size * height * width * share),
            **where,
        )
    )
