"""What pruning has to say: how much has gone, of which layers, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import onnx_ir as ir

from detquant.graph.channels import Channels
from detquant.graph.summary import summarize
from detquant.numerics.arrays import Ints

TOLD = 0.02
"""Share of the multiply-accumulates; where what has gone is further from what was asked for, it is said why."""


class Asked(Protocol):
    """What was asked for, see `Prune`."""

    @property
    def share(self) -> float:
        """Of the multiply-accumulates."""
        ...

    @property
    def multiple(self) -> int:
        """Channels that are left are a multiple of this."""
        ...

    @property
    def least(self) -> int:
        """Channels that are left of a layer."""
        ...


def sentence(
    asked: Asked,
    before: ir.Model,
    after: ir.Model,
    channels: Channels,
    gone: Ints,
    *,
    images: int,
    damages: Sequence[float | None],
) -> str:
    """What was done, in words.

    Args:
        asked: the options.
        before: float graph.
        after: pruned one.
        channels: of the float graph.
        gone: numbers of those that have gone.
        images: on how many the layers were solved.
        damages: of the graph without these channels, as it was and solved anew; None where it cannot be measured.
    """
    was, now = summarize(before.graph), summarize(after.graph)
    share = 1 - now.macs / max(was.macs, 1)
    counts = _counts(channels, gone)
    parts = [
        f"prune: {share:.1%} of the multiply-accumulates gone ({was.macs:,} -> {now.macs:,}), parameters "
        f"{was.parameters:,} -> {now.parameters:,}; layers solved anew on {images} images"
    ]
    if None not in damages:
        raw, solved = damages
        parts.append(f"damage {solved:.3f}, {raw:.3f} before they were")
    if abs(share - asked.share) > TOLD:
        parts.append(
            f"{asked.share:.1%} were asked for, and nothing comes nearer: heads and what mixes channels stay whole, "
            f"other layers lose {asked.multiple} channels at a time and keep {asked.least} at least"
        )
    if counts:
        parts.append("channels: " + ", ".join(f"{name} {old} -> {new}" for name, (old, new) in counts.items()))
    return "; ".join(parts)


def operators_of(channels: Channels, gone: Ints) -> list[str]:
    """The layers that make fewer channels."""
    return list(_counts(channels, gone))


def _counts(channels: Channels, gone: Ints) -> dict[str, tuple[int, int]]:
    """Channels that a layer makes, before and after, by its name; of those that make fewer."""
    found = dict[str, tuple[int, int]]()
    for name, layer in channels.layers.items():
        left = int((~np.isin(channels.roots(layer.makes), gone)).sum())
        if left < layer.makes.size:
            found[name] = (layer.makes.size, left)
    return found
