"""A program of the engine: instructions on stored maps, before anything is packed into words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from detquant.integer.graph import Shape
from detquant.integer.operators import IntegerOperator
from detquant.numerics.arrays import Ints
from detquant.targets.verilog.engine import Engine
from detquant.targets.verilog.head import StoredHead
from detquant.targets.verilog.maps import StoredMap, View

Sides = tuple[int, int]


class Kind(IntEnum):
    """What an instruction without weights does with the codes of a window; the numbers are the engine's."""

    MAX = 0
    ADD = 1
    PAIR = 2
    PRODUCT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Groups of a stored map that lie behind one another.

    Attributes:
        stored: the map.
        first: its first group that is read.
        groups: how many are; in diagonal instructions, for each group of outputs.
        shift: how often the map is doubled in size as it is read.
    """

    stored: StoredMap
    first: int
    groups: int
    shift: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """Requantisation of an instruction without weights: ``(n + bias) M`` for one or two terms, one shift for both."""

    biases: Sides = (0, 0)
    multipliers: Sides = (1, 0)
    shift: int = 0
    zeros: Sides = (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weighted:
    """What an instruction of the array has.

    Attributes:
        tiles: int8 ``[groups of outputs, steps, ocp, icp]``, in the order in which the array uses them.
        bias: int64 ``[groups of outputs * ocp]``, for sums of products of stored codes.
        multiplier: the same shape.
        shift: the same shape.
        reach: the largest size of an accumulator, bias included.
    """

    tiles: npt.NDArray[np.int8]
    bias: Ints
    multiplier: Ints
    shift: Ints
    reach: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Instruction:
    """One instruction.

    Attributes:
        name: of the operator that it is of, or part of.
        operator: what it is called in reports.
        gives: name of the tensor that it computes, or a part of which.
        segments: what it reads.
        out: the map that it writes.
        out_first: first group of that map that it writes.
        out_groups: groups of outputs: of ``ocp`` channels with weights, else of ``icp``.
        channels: by slot of the groups that it writes, the channel of ``gives``; -1 for lanes that nobody reads.
        size: rows and columns of what it reads, enlarged.
        kernel: rows and columns of the window.
        strides: down and right.
        dilations: down and right.
        pads: rows above and columns to the left that lie outside; below 0 where such are left out.
        fill: stored code of what lies outside.
        zero: added last.
        low: smallest stored code that it gives, before its table.
        high: largest one.
        weighted: weights, if it has any.
        diagonal: whether each group of outputs reads its own group of inputs.
        clamped: whether what lies outside is the nearest place inside, and not the code of ``fill``.
        kind: what is done without weights.
        scaling: how it is requantised without weights.
        table: stored codes by index, of the engine's full depth; None where it looks nothing up.
        macs: multiplications of the network's operator.
    """

    name: str
    operator: str
    gives: str
    segments: tuple[Segment, ...]
    out: StoredMap
    out_first: int = 0
    out_groups: int
    channels: Ints
    size: Sides
    kernel: Sides = (1, 1)
    strides: Sides = (1, 1)
    dilations: Sides = (1, 1)
    pads: Sides = (0, 0)
    fill: int = 0
    zero: int
    low: int
    high: int
    weighted: Weighted | None = None
    diagonal: bool = False
    clamped: bool = False
    kind: Kind = Kind.MAX
    scaling: Scaling = Scaling()
    table: npt.NDArray[np.int8] | None = None
    macs: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An image in memory.

    Attributes:
        view: where it lies, folded.
        fold: by how much it is folded, see `detquant.targets.verilog.folding`; 1 where it lies as it is.
    """

    view: View
    fold: int = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Program:
    """A network as instructions.

    Attributes:
        engine: the engine that it is for.
        instructions: in order.
        images: where the host writes the images, by name of their codes.
        heads: where it finds the results, by name of their codes.
        maps: all stored maps.
        words: words of memory that they take.
        offsets: what codes are stored less of, by tensor.
        shapes: shapes, by tensor.
        derived: operators that give tensors between two instructions of one operator; run to check them.
        host: names of operators behind the heads that only move codes and are left to the host.
        head: what finds detections in these heads; None where they are the result.
    """

    engine: Engine
    instructions: tuple[Instruction, ...]
    images: Mapping[str, Picture]
    heads: Mapping[str, View]
    maps: tuple[StoredMap, ...]
    words: int
    offsets: Mapping[str, int]
    shapes: Mapping[str, Shape]
    derived: tuple[IntegerOperator, ...]
    host: tuple[str, ...]
    head: StoredHead | None = None
