"""A program as the streams that the hardware reads: each from its first row to its last, once an image.

* ``desc``: descriptors, words of 32 bits.
* ``weights_b<bits>``: tiles in the order of their use; a row is ``ocp * icp`` weights, lane = output * icp + input.
* ``params``: for each group of output channels, in rows of ``lanes`` channels: bias | multiplier | shift, shift low.
* ``lut_<number>``: tables in the order of their use, an entry a row.
* ``head``: settings and tables of the head, where the hardware has one, see `detquant.targets.verilog.memories.head`.
"""

from __future__ import annotations

import numpy as np

from detquant.numerics.arrays import Ints
from detquant.targets.verilog.descriptors import descriptor, end
from detquant.targets.verilog.engine import Engine
from detquant.targets.verilog.memories.head import head_memory
from detquant.targets.verilog.memories.rows import Memory, Packed, packed, packed_fields
from detquant.targets.verilog.program import Program, Weighted

SHIFT_BITS = 6


def memories(program: Program) -> list[Memory]:
    """All memories of a program."""
    engine = program.engine
    words = [word for one in program.instructions for word in descriptor(one)]
    weighted = [one.weighted for one in program.instructions if one.weighted is not None]
    tables = [one.table for one in program.instructions if one.table is not None]
    head = [] if engine.head is None else [head_memory(program.head)]
    return [
        Memory("desc", 32, packed(np.array(words + end(), np.int64)[:, None], 32)),
        _weights(weighted, engine),
        _params(weighted, engine),
        *(Memory(f"lut_{k}", 8, packed(table[:, None], 8)) for k, table in enumerate(tables)),
        *head,
    ]


def _weights(weighted: list[Weighted], engine: Engine) -> Memory:
    lanes = engine.array.ocp * engine.array.icp
    rows = [packed(one.tiles.reshape(-1, lanes), engine.weight) for one in weighted]
    width = lanes * engine.weight
    return Memory(f"weights_b{engine.weight}", width, _joined(rows, width))


def _params(weighted: list[Weighted], engine: Engine) -> Memory:
    width, lanes = engine.accumulator + engine.multiplier + SHIFT_BITS, engine.array.lanes
    fields = [_fields(one, engine) for one in weighted]
    rows = [packed_fields([(numbers.reshape(-1, lanes), bits) for numbers, bits in one]) for one in fields]
    return Memory("params", lanes * width, _joined(rows, lanes * width))


def _fields(one: Weighted, engine: Engine) -> list[tuple[Ints, int]]:
    """Shift, multiplier and bias, the lowest first. Biases wrap as the accumulators do (see `dq_mac`)."""
    half = 1 << (engine.accumulator - 1)
    bias = (one.bias + half) % (2 * half) - half
    return [(one.shift, SHIFT_BITS), (one.multiplier, engine.multiplier), (bias, engine.accumulator)]


def _joined(rows: list[Packed], width: int) -> Packed:
    return np.concatenate(rows) if rows else np.zeros((0, -(-width // 8)), np.uint8)
