"""How many cycles a program takes, computed without a simulator: the engine's own waits, one after the other.

Memory and streams are as fast as the engine asks, a word a cycle each and an answer two cycles behind its question; a
slower memory only adds to it. A vector is what the array sums up for one place and one group of outputs. With ``T``
steps for each vector and ``B`` beats of requantisation, vector ``v`` of an instruction is complete at ``f`` and has
left the queue at ``l``:

    f[v] = max(f[v-1] + T, l[v-16] + 1, last of its weights + 1)        the queue has room for 16 vectors
    l[v] = max(l[v-1], f[v] + A - 1, its parameters, its table) + B     A: registers of the adder tree and the queue

so a long instruction takes ``max(T, B)`` for each vector, and what it waits for at its ends beside. Weights come a row
a cycle as far as the ring has room, parameters and tables as soon as one of their two banks is free: a table of 1024
entries takes 1024 cycles, which short instructions wait for. Nothing of this depends on the image, so the count is
exact: tests hold it to Verilator's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from detquant.targets.verilog.descriptors import HEADER_WORDS, SEGMENT_WORDS
from detquant.targets.verilog.engine import Engine
from detquant.targets.verilog.lowering.reading import ALL_OUTSIDE
from detquant.targets.verilog.program import Instruction, Kind, Program

QUEUE = 16
"""Vectors that the queue in front of the requantisation has room for."""
FIRST_WORD = 2
"""Cycle of the first word of each stream, counted from the reset's end; descriptors wait for `start`, a cycle more."""
TO_FIRST_STEP, OUTSIDE = 7, 2
"""From the start of an instruction to its first step: address, memory, queue; no memory where all is border."""
TO_DONE = 11
"""From the last beat of an instruction into requantisation to its end: the lanes, their queue, the memory's port."""
LANES_LATENCY = 2
"""From a step of an instruction without weights to the other end of the queue of vectors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycles:
    """What a program takes on its engine.

    Attributes:
        each: cycles of each instruction, from the end of the one before it.
        total: of all, start and end included.
        macs: multiplications of the network.
        products: of the array in a cycle.
    """

    each: tuple[int, ...]
    total: int
    macs: int
    products: int

    @property
    def use(self) -> float:
        """Of the array, per cent: the network's multiplications by those that the array could have done."""
        return 100.0 * self.macs / (self.total * self.products)

    def milliseconds(self, megahertz: float) -> float:
        """Time of an image at a clock."""
        return self.total / (megahertz * 1e3)


def cycles_of(program: Program) -> Cycles:
    """Cycles that the engine takes for a program."""
    array = program.engine.array
    clock = _Clock(program.engine)
    ends = [0, *(clock.run(one) for one in program.instructions)]
    return Cycles(
        each=tuple(end - before for before, end in pairwise(ends)),
        total=clock.next_start(HEADER_WORDS),
        macs=sum(one.macs for one in program.instructions),
        products=array.icp * array.ocp,
    )


def _all_outside(one: Instruction) -> bool:
    """Whether an instruction reads nothing: all its places lie outside of the map."""
    return one.pads[0] <= ALL_OUTSIDE


class _Clock:
    """The time of an engine, instruction by instruction."""

    def __init__(self, engine: Engine) -> None:
        array = engine.array
        self.beats, self.beats_without = array.ocp // array.lanes, array.icp // array.lanes
        levels = (array.icp - 1).bit_length()
        self.tree = 4 + (levels + 1) // 2
        self.started, self.done = FIRST_WORD + 1, 0
        self.weights = _Weights(1 << engine.log_tiles)
        self.parameters = _Banks(self.beats)
        self.tables = _Banks(1 << engine.log_entries)

    def next_start(self, words: int) -> int:
        """When an instruction whose descriptor has so many words starts, or the program ends with it."""
        return max(self.done + 2, self.started + words + 1)

    def run(self, one: Instruction) -> int:
        """Runs an instruction; gives the cycle of its end."""
        self.started = self.next_start(HEADER_WORDS + SEGMENT_WORDS * len(one.segments))
        table = self.tables.next() if one.table is not None else 0
        vectors = _Vectors(self.started + TO_FIRST_STEP - OUTSIDE * _all_outside(one) - 1, table)
        taps, places = one.kernel[0] * one.kernel[1], one.out.height * one.out.width
        steps = taps * sum(segment.groups for segment in one.segments)
        if one.weighted is None:
            pair = one.kind == Kind.PAIR
            vectors.pass_by(
                one.out_groups * places * (steps if pair else 1),
                steps=1 if pair else steps,
                beats=self.beats_without,
                latency=LANES_LATENCY,
            )
        else:
            for _ in range(one.out_groups):
                weights, parameters = self.weights.arrive(steps), self.parameters.next()
                vectors.wait(weights, parameters)
                vectors.pass_by(places, steps=steps, beats=self.beats, latency=self.tree)
                self.weights.leave(vectors.fired)
                self.parameters.free(vectors.left)
        self.done = vectors.left + TO_DONE
        if one.table is not None:
            self.tables.free(self.done)
        return self.done


class _Vectors:
    """Vectors of an instruction on their way from the array through the queue.

    Args:
        before: the cycle before that of the first step.
        table: when the instruction's table is there.
    """

    def __init__(self, before: int, table: int) -> None:
        self.fired, self.left = before, table - 1
        self.weights = 0
        self.room = [-1] * QUEUE

    def wait(self, weights: int, parameters: int) -> None:
        """Lets the next vector wait for its weights, and its requantisation for its parameters."""
        self.weights, self.left = weights, max(self.left, parameters - 1)

    def pass_by(self, count: int, *, steps: int, beats: int, latency: int) -> None:
        """Lets vectors pass, all alike; once nothing but time changes from one to the next, the rest at once."""
        alike, before = 0, (0, 0)
        while count:
            fired = max(self.fired + steps, self.weights, self.room[0] + 1)
            left = max(self.left, fired + latency - 1) + beats
            taken = fired - self.fired, left - self.left
            self.fired, self.left, self.weights = fired, left, 0
            self.room = [*self.room[1:], left]
            count -= 1
            alike = alike + 1 if taken == before and taken[0] == taken[1] else 0
            before = taken
            if alike > QUEUE:
                self.fired, self.left = self.fired + count * taken[0], self.left + count * taken[0]
                self.room = [one + count * taken[0] for one in self.room]
                return


class _Weights:
    """The ring of weights: a row a cycle, as long as there is room.

    Args:
        size: rows that it holds.
    """

    def __init__(self, size: int) -> None:
        self.size, self.rows, self.last = size, 0, FIRST_WORD - 1
        self.used: list[tuple[int, int]] = []  # first row behind a tile that was used, and when that was

    def arrive(self, steps: int) -> int:
        """When the last step of a tile's first place can be, by its weights alone."""
        latest, first = 0, self.rows
        for start, count, free in self._parts(first, first + steps):
            self.last = max(self.last + 1, free + 1)
            latest = max(latest, self.last + 1 + first + steps - 1 - start)
            self.last += count - 1
        self.rows += steps
        return latest

    def _parts(self, first: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Rows that take the place of those of one tile: the first, how many, and when that tile was used."""
        while first < end:
            replaced = first - self.size
            while self.used and self.used[0][0] <= replaced:
                self.used.pop(0)
            rows, free = (-replaced, -1) if replaced < 0 else (self.used[0][0] - replaced, self.used[0][1])
            rows = min(rows, end - first)
            yield first, rows, free
            first += rows

    def leave(self, when: int) -> None:
        """No place uses the tile any more."""
        self.used.append((self.rows, when))


class _Banks:
    """Two banks that are filled in turns, a word a cycle.

    Args:
        words: of a bank.
    """

    def __init__(self, words: int) -> None:
        self.words, self.last = words, FIRST_WORD - 1
        self.freed = [-1, -1]

    def next(self) -> int:
        """When the next bank is full."""
        self.last = max(self.last + 1, self.freed[0] + 1) + self.words - 1
        self.freed = self.freed[1:]
        return self.last + 1

    def free(self, when: int) -> None:
        """The bank in use is free again."""
        self.freed.append(when)
