"""Channels as numbers: each is given one where a layer makes it, and keeps it wherever it is moved.

Channels that can only go together (those that an Add puts on each other) are *tied*; one that has to stay (the graph
gives it out, or somebody reads it who mixes channels) is *fixed*, and so is what is tied to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detquant.numerics.arrays import Bools, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    """The channels of a value.

    Attributes:
        axis: the axis that they run along.
        atoms: number of the channel at each place of it, ``[size]``; one channel has several places behind a Flatten.
    """

    axis: int
    atoms: Ints


class Atoms:
    """All channels of a graph, tied and fixed (union and find)."""

    def __init__(self) -> None:
        self._above, self._fixed = list[int](), list[bool]()

    def __len__(self) -> int:
        return len(self._above)

    def fresh(self, count: int) -> Ints:
        """Channels that are new, ``[count]``."""
        made = np.arange(len(self._above), len(self._above) + count)
        self._above += made.tolist()
        self._fixed += [False] * count
        return made

    def roots(self, atoms: Ints) -> Ints:
        """The one that stands for each of these and all that are tied to it."""
        return np.array([self._root(atom) for atom in atoms.reshape(-1).tolist()], np.int64).reshape(atoms.shape)

    def tie(self, one: Ints, other: Ints) -> None:
        """Ties channels to channels, place by place."""
        for a, b in zip(one.tolist(), other.tolist(), strict=True):
            first, second = sorted((self._root(a), self._root(b)))
            self._above[second] = first
            self._fixed[first] |= self._fixed[second]

    def fix(self, atoms: Ints) -> None:
        """These channels stay, and what is tied to them."""
        for atom in set(atoms.reshape(-1).tolist()):
            self._fixed[self._root(atom)] = True

    def fixed(self, atoms: Ints) -> Bools:
        """Which of these have to stay."""
        return np.array([self._fixed[root] for root in self.roots(atoms).reshape(-1)], bool).reshape(atoms.shape)

    def _root(self, atom: int) -> int:
        above = self._above
        while above[atom] != atom:
            above[atom] = above[above[atom]]
            atom = above[atom]
        return atom
