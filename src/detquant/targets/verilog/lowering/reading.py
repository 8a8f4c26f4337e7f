"""The view of a tensor for one who reads it, whatever moves lie between.

A move that is a view is found here; one that takes rows and columns is written out by copies, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from detquant.integer.operators import IntegerOperator
from detquant.targets.verilog.lowering.addresses import Moved, read_addresses
from detquant.targets.verilog.lowering.draft import Draft, Layout, Pending, refused
from detquant.targets.verilog.lowering.layouts import layout_like
from detquant.targets.verilog.lowering.weights import dense_tiles
from detquant.targets.verilog.maps import Place, StoredMap, View, Word, runs
from detquant.targets.verilog.program import Instruction, Segment, Weighted

ALL_OUTSIDE = -(1 << 15)
"""Padding on the left that leaves all places outside of the map: rows and columns begin at 32768."""


def view_of(draft: Draft, reader: IntegerOperator, name: str) -> View:
    """Where a tensor's channels lie.

    Raises:
        UnsupportedOperator: it is another one in an order that no view and no copy has.
    """
    if name in draft.views:
        return draft.views[name]
    pending, shape = draft.pending[name], draft.graph.shapes[name]
    if len(shape) == 2:
        shape = (*shape, 1, 1)
    source = draft.views[pending.source]
    before = (1, len(source.channels), source.height, source.width)
    moved = read_addresses(pending.addresses, before, shape) if len(shape) == 4 and shape[0] == 1 else None
    if moved is None:
        raise refused(
            reader,
            f"it reads '{name}' of shape {list(shape)}, which is '{pending.source}' of shape {list(before)} in an "
            f"order that addresses of channels, rows and columns do not give",
        )
    if moved.rows.is_whole and moved.columns.is_whole and min(moved.channels) >= 0:
        taken = View(tuple(source.channels[c] for c in moved.channels), source.height, source.width)
        draft.views[name] = enlarged(taken, moved.rows.shift)
    else:
        _copy_places(draft, name, source, moved, pending)
    return draft.views[name]


def enlarged(view: View, shift: int) -> View:
    """A view whose rows and columns are doubled so often, each place repeated."""
    channels = tuple(replace(place, shift=place.shift + shift) for place in view.channels)
    return View(channels, view.height << shift, view.width << shift)


def _copy_places(draft: Draft, name: str, source: View, moved: Moved, pending: Pending) -> None:
    """Writes rows and columns of a tensor, and channels that are all border, to a map of their own."""
    size = draft.graph.shapes[name][2:]
    taken = [c for c in moved.channels if c >= 0]
    words = draft.words(View(tuple(source.channels[c] for c in taken), source.height, source.width))
    icp, places = draft.array.icp, [k for k, c in enumerate(moved.channels) if c >= 0]
    border = [k for k, c in enumerate(moved.channels) if c < 0]
    groups = len(words) + -(-len(border) // icp)
    out = draft.store(name, groups, (size[0], size[1]))
    slots = [0] * len(moved.channels)
    for group, word in enumerate(words):
        for lane, number in word.lanes.items():
            slots[places[number]] = group * icp + lane
    for number, channel in enumerate(border):
        slots[channel] = len(words) * icp + number
    layout = Layout(tuple(slots), groups)
    rows, columns = moved.rows, moved.columns
    first = 0
    for run in runs(words):
        made = passed(draft, name, "Copy", name, run, out, first, layout)
        pads, strides = (-rows.start, -columns.start), (rows.step, columns.step)
        fill = pending.fill - draft.offset(name)
        size_in = (source.height, source.width)
        draft.instructions.append(replace(made, pads=pads, strides=strides, fill=fill, size=size_in))
        first += len(run)
    if border:
        run = [Word(words[0].stored, 0, 0, {}) for _ in range(groups - len(words))] if words else []
        stored = words[0].stored if words else source.channels[0].stored
        made = passed(draft, name, "Copy", name, run or [Word(stored, 0, 0, {})], out, len(words), layout)
        fill = pending.fill - draft.offset(name)
        draft.instructions.append(
            replace(made, pads=(ALL_OUTSIDE, ALL_OUTSIDE), fill=fill, size=(1, 1), out_groups=groups - len(words))
        )
    draft.keep(name, out, layout)


def passed(
    draft: Draft,
    name: str,
    operator: str,
    gives: str,
    run: Sequence[Word],
    out: StoredMap,
    first: int,
    layout: Layout,
) -> Instruction:
    """An instruction that gives the codes of a run of words as they are; others are made of it by `replace`."""
    icp, limit = draft.array.icp, 1 << 7
    slots = draft.channels_of(layout.slots, layout.groups)[first * icp : (first + len(run)) * icp]
    head = run[0]
    return Instruction(
        name=name,
        operator=operator,
        gives=gives,
        segments=(Segment(stored=head.stored, first=head.group, groups=1, shift=head.shift),),
        out=out,
        out_first=first,
        out_groups=len(run),
        channels=slots,
        size=(out.height, out.width),
        zero=0,
        low=-limit,
        high=limit - 1,
        diagonal=True,
    )


def in_lanes(draft: Draft, name: str, view: View, words: list[Word]) -> View:
    """A tensor with each channel in the lane that other words have it in: a copy by the array, whose weights are 1."""
    array, channels = draft.array, len(view.channels)
    layout = layout_like(words, channels, array.icp)
    groups = -(-layout.groups // array.many) * array.many
    own = draft.words(view)
    out_groups = groups * array.icp // array.ocp
    tiles = dense_tiles(np.eye(channels, dtype=np.int8)[:, :, None, None], own, layout.slots, out_groups, array)
    out = draft.store(f"{name}/copy", groups, (view.height, view.width))
    ones = np.ones(out_groups * array.ocp, np.int64)
    segments = tuple(
        Segment(stored=run[0].stored, first=run[0].group, groups=len(run), shift=run[0].shift) for run in runs(own)
    )
    draft.instructions.append(
        Instruction(
            name=f"{name}/copy",
            operator="Copy",
            gives=name,
            segments=segments,
            out=out,
            out_groups=out_groups,
            channels=draft.channels_of(layout.slots, groups),
            size=(view.height, view.width),
            zero=0,
            low=-(1 << 7),
            high=(1 << 7) - 1,
            weighted=Weighted(tiles=tiles, bias=0 * ones, multiplier=ones, shift=0 * ones, reach=1 << 7),
        )
    )
    return View(tuple(Place(out, slot) for slot in layout.slots), view.height, view.width)
