"""Bundles: channels that may go, of the same layers, and so alike but for what they say.

A runtime computes channels by blocks, and a layer of 61 is no faster than one of 64. So of each bundle as many stay as
it has, or a multiple of a number.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from detquant.graph.channels import Channels
from detquant.numerics.arrays import Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bundle:
    """Channels of the same layers.

    Attributes:
        roots: one number for each channel and all that go with it.
        layers: names of the layers that make them, pass them through or read them.
    """

    roots: Ints
    layers: frozenset[str]

    def next_count(self, count: int, multiple: int, least: int) -> int:
        """The next smaller number of channels that may stay where ``count`` do; ``count`` if there is none."""
        fewer = (count - 1) // multiple * multiple
        return fewer if fewer >= max(least, 1) else count


def find_bundles(channels: Channels, solvable: Collection[str]) -> list[Bundle]:
    """The bundles of a graph, in the order of their first layers.

    Args:
        channels: of the graph.
        solvable: names of the layers that can be solved anew; channels of any other stay.
    """
    roles = dict[int, list[tuple[str, str]]]()
    for layer in channels.layers.values():
        for role, atoms in (("makes", layer.makes), ("reads", layer.reads)):
            for root in np.unique(channels.roots(atoms)).tolist():
                roles.setdefault(root, []).append((role, layer.name))
    alike = dict[Sequence[tuple[str, str]], list[int]]()
    for root, of in roles.items():
        if channels.removable(np.array([root]))[0] and all(name in solvable for _, name in of):
            alike.setdefault(tuple(of), []).append(root)
    return [
        Bundle(roots=np.array(sorted(roots), np.int64), layers=frozenset(name for _, name in of))
        for of, roots in alike.items()
    ]
