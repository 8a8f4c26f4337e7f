"""A graph without some of its channels: smaller, and of the same form."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from detquant.graph.channels.tracing import Channels
from detquant.numerics.arrays import Bools, Ints


def without_channels(model: ir.Model, channels: Channels, gone: Collection[int]) -> ir.Model:
    """A copy of a model without some channels, of which each takes all with it that are tied to it.

    The rest is as it was: what reads channels that have gone gets nothing from them any more.

    Args:
        model: it is not changed.
        channels: what `trace` has found in it.
        gone: numbers of the channels; none of them fixed, and no value without any channel left.
    """
    roots = np.unique(channels.roots(np.array(sorted(gone), np.int64)))
    assert channels.removable(roots).all(), "channels that have to stay are not asked for"

    def kept(atoms: Ints) -> Bools:
        return np.asarray(~np.isin(channels.roots(atoms), roots))

    copy = model.clone()
    nodes = {node.name or "": node for node in copy.graph}
    for cut in channels.cuts:
        cut.apply(nodes[cut.node], kept)
    for node in copy.graph:
        for value in node.outputs:
            lane = channels.lanes.get(value.name or "")
            if lane is not None and value.shape is not None:
                sizes = list(value.shape)
                sizes[lane.axis] = int(kept(lane.atoms).sum())
                value.shape = ir.Shape(sizes)
    RemoveUnusedNodesPass()(copy)
    return copy
