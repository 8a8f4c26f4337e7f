"""A layer with weights: which channels it reads and makes, and how its work shrinks with them."""

from __future__ import annotations

from dataclasses import dataclass

from detquant.graph.channels.cuts import Kept
from detquant.numerics.arrays import Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layer:
    """A convolution or matrix product with a constant weight.

    Attributes:
        name: of the node.
        reads: channel of each input of each group's weight, ``[G, inputs]``; none (``[G, 0]``) where what it reads is
            not followed, and of a depthwise one, whose channels go through.
        makes: its output channels; none where these are not followed.
        macs: multiply-accumulates of one run.
        depthwise: whether each channel is multiplied by itself.
    """

    name: str
    reads: Ints
    makes: Ints
    macs: int
    depthwise: bool = False

    def macs_left(self, kept: Kept) -> float:
        """Multiply-accumulates with the channels that stay."""
        shares = [float(kept(atoms).mean()) for atoms in (self.reads.reshape(-1), self.makes) if atoms.size]
        left = float(self.macs)
        for share in shares:
            left *= share
        return left
