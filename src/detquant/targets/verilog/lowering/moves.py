"""Move and Concat: views of what is stored, as far as they can be."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

import numpy as np

from detquant.integer.operators import Concat, IntegerOperator, Move, Table
from detquant.targets.verilog.lowering.addresses import read_addresses
from detquant.targets.verilog.lowering.draft import Draft, Pending, refused
from detquant.targets.verilog.lowering.layouts import layout_like
from detquant.targets.verilog.lowering.reading import passed, view_of
from detquant.targets.verilog.maps import View, runs


def move(operator: IntegerOperator, table: Table | None, draft: Draft) -> None:
    """Says where the numbers of a Move come from; who reads them finds out what that costs.

    Moves behind one another become one: a shuffle of channels (Reshape, Transpose, Reshape) is a view in the end.
    """
    assert isinstance(operator, Move) and table is None
    name, output = operator.inputs[0], operator.output
    before = draft.pending.get(name)
    source = before.source if before else name
    view = draft.views[source]
    shape = (1, len(view.channels), view.height, view.width)
    earlier = before.addresses if before else np.arange(np.prod(shape), dtype=np.int64)
    earlier = earlier.reshape(-1)
    addresses = earlier
    if operator.addresses is not None:
        own = operator.addresses.astype(np.int64).reshape(-1)
        addresses = np.where(own >= 0, earlier[np.maximum(own, 0)], -1)
    fill = operator.fill if operator.addresses is not None and (operator.addresses < 0).any() else None
    if before is not None and (before.addresses < 0).any() and fill not in (None, before.fill):
        raise refused(operator, "it pads what is padded with another number")
    made = Pending(source, addresses, before.fill if before is not None and fill is None else fill or 0)
    out = draft.graph.shapes[output]
    moved = read_addresses(addresses, shape, out) if len(out) == 4 and out[0] == 1 else None
    draft.pending[output] = made
    if moved is not None and moved.rows.is_whole and moved.columns.is_whole and min(moved.channels) >= 0:
        view_of(draft, operator, output)


def concat(operator: IntegerOperator, table: Table | None, draft: Draft) -> None:
    """Puts views side by side.

    Raises:
        UnsupportedOperator: it joins along another axis than the channels', or with constants.
    """
    assert isinstance(operator, Concat) and table is None
    shape = draft.graph.shapes[operator.output]
    if operator.axis != 1 or len(shape) not in (2, 4) or shape[0] != 1:
        raise refused(operator, f"it joins along axis {operator.axis} of {list(shape)}, and maps lie by channels")
    if operator.constants:
        raise refused(operator, "it joins a map with constants")
    views = [view_of(draft, operator, name) for name in operator.inputs]
    joined = View(tuple(chain.from_iterable(view.channels for view in views)), views[0].height, views[0].width)
    qtype = draft.graph.grids[operator.output].qtype
    if operator.low > qtype.qmin or operator.high < qtype.qmax:
        _cut_off(operator, draft, joined)
        return
    draft.views[operator.output] = joined


def _cut_off(operator: Concat, draft: Draft, view: View) -> None:
    """Copies a map whose codes are to be cut off."""
    words, own = draft.words(view), draft.offset(operator.output)
    layout = layout_like(words, len(view.channels), draft.array.icp)
    out, first = draft.store(operator.output, len(words), (view.height, view.width)), 0
    for run in runs(words):
        made = passed(draft, operator.name, "Concat", operator.output, run, out, first, layout)
        draft.instructions.append(replace(made, low=operator.low - own, high=operator.high - own))
        first += len(run)
    draft.keep(operator.output, out, layout)
