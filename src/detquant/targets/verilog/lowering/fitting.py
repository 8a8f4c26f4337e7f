"""The engine's parameters that a program needs: every width is computed here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detquant.errors import TargetError
from detquant.targets.verilog.engine import Array, Engine
from detquant.targets.verilog.head import HeadSizes
from detquant.targets.verilog.program import Instruction

LEAST_ACCUMULATOR = 16
LEAST_TILES = 4
WIDEST_ADDRESS = 32
"""Of a word of maps, in descriptors and ports."""


def fitted(
    instructions: Sequence[Instruction],
    array: Array,
    log_entries: int,
    words: int,
    least: Engine | None,
    head: HeadSizes | None = None,
) -> Engine:
    """The smallest engine that runs these instructions, or ``least`` where that is larger.

    Raises:
        TargetError: the maps have no room in the memory that the engine can address.
    """
    weighted = [one.weighted for one in instructions if one.weighted is not None]
    weight = max([2, *(_signed_bits(one.tiles) for one in weighted)])
    factors = [int(one.multiplier.max()) for one in weighted]
    factors += [max(map(abs, one.scaling.multipliers)) for one in instructions if one.weighted is None]
    sums = [one.reach for one in weighted] + [_sum_without_weights(one) for one in instructions]
    least_bits = [array.icp.bit_length(), 1]
    tile = max([1, *(one.tiles.shape[1] for one in weighted)])
    reached = max(words, *map(_reached, instructions))
    if reached > 1 << WIDEST_ADDRESS:
        raise TargetError(
            f"The maps take {reached} words of {array.icp} codes, and the engine addresses {1 << WIDEST_ADDRESS} "
            f"({WIDEST_ADDRESS} bits): give the network a smaller input, or the array more input channels (icp)."
        )
    needed = Engine(
        array=array,
        weight=weight,
        accumulator=max([LEAST_ACCUMULATOR, *(int(one).bit_length() + 1 for one in sums)]),
        multiplier=max([2, *(one.bit_length() for one in factors)]),
        log_entries=log_entries,
        address=max([2, *least_bits, (reached - 1).bit_length()]),
        log_tiles=max(LEAST_TILES, (2 * tile - 1).bit_length()),
        segments=max(len(one.segments) for one in instructions),
        head=head,
    )
    return needed if least is None else covering(needed, least)


def covering(one: Engine, other: Engine) -> Engine:
    """An engine that runs what either of two with the same array does."""
    names = ("weight", "accumulator", "multiplier", "log_entries", "address", "log_tiles", "segments")
    largest = {name: max(getattr(one, name), getattr(other, name)) for name in names}
    head = one.head or other.head
    if one.head is not None and other.head is not None:
        head = one.head.covering(other.head)
    if head is not None:
        largest["address"] = max(largest["address"], head.size)
    return Engine(array=one.array, head=head, **largest)


def _signed_bits(numbers: np.ndarray[tuple[int, ...], np.dtype[np.int8]]) -> int:
    """Bits of the narrowest signed type that holds all numbers."""
    low, high = int(numbers.min(initial=0)), int(numbers.max(initial=0))
    return max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0) + 1


def _sum_without_weights(one: Instruction) -> int:
    """The largest size of what an instruction without weights sums up, bias included."""
    if one.weighted is not None:
        return 0
    count = one.kernel[0] * one.kernel[1]
    return max(1 << 18, (count << 8) + max(map(abs, one.scaling.biases)))


def _reached(one: Instruction) -> int:
    """One more than the last address that an instruction reads or writes, lanes without weights included."""
    count = 1 if not one.diagonal else one.out_groups
    ends = [
        segment.stored.base + (segment.first + segment.groups * count) * segment.stored.plane
        for segment in one.segments
    ]
    return max([*ends, one.out.base + one.out.words])
