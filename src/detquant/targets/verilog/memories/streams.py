"""A program as the four streams that the engine reads: each from its first row to its last, once an image.

* ``desc``: descriptors, words of 32 bits.
* ``weights_b<bits>``: tiles in the order of their use; a row is ``ocp * icp`` weights, lane = output * icp + input.
* ``params``: for each group of output channels, in rows of ``lanes`` channels: bias | multiplier | shift, shift low.
* ``lut_<number>``: tables in the order of their use, an entry a row.
"""

from __future__ import annotations

import numpy as np

from detquant.targets.verilog.descriptors import descriptor, end
from detquant.targets.verilog.engine import Engine
from detquant.targets.verilog.memories.files import bits_of_words
from detquant.targets.verilog.memories.rows import Bits, Memory, lanes_to_bits
from detquant.targets.verilog.program import Program, Weighted

SHIFT_BITS = 6


def memories(program: Program) -> list[Memory]:
    """All memories of a program."""
    engine = program.engine
    words = [word for one in program.instructions for word in descriptor(one)]
    weighted = [one.weighted for one in program.instructions if one.weighted is not None]
    tables = [one.table for one in program.instructions if one.table is not None]
    return [
        Memory("desc", 32, bits_of_words(words + end(), 32)),
        _weights(weighted, engine),
        _params(weighted, engine),
        *(Memory(f"lut_{k}", 8, lanes_to_bits(table[:, None], 8)) for k, table in enumerate(tables)),
    ]


def _weights(weighted: list[Weighted], engine: Engine) -> Memory:
    lanes = engine.array.ocp * engine.array.icp
    rows = [lanes_to_bits(one.tiles.reshape(-1, lanes), engine.weight) for one in weighted]
    name, width = f"weights_b{engine.weight}", lanes * engine.weight
    return Memory(name, width, np.concatenate(rows) if rows else np.zeros((0, width), np.uint8))


def _params(weighted: list[Weighted], engine: Engine) -> Memory:
    width = engine.accumulator + engine.multiplier + SHIFT_BITS
    lanes = engine.array.lanes
    rows = [_rows(one, engine).reshape(-1, lanes * width) for one in weighted]
    return Memory("params", lanes * width, np.concatenate(rows) if rows else np.zeros((0, lanes * width), np.uint8))


def _rows(one: Weighted, engine: Engine) -> Bits:
    """Bits ``[channels, width]``, the shift in the low ones. Biases wrap as the accumulators do (see `dq_mac`)."""
    half = 1 << (engine.accumulator - 1)
    bias = (one.bias + half) % (2 * half) - half
    fields = ((one.shift, SHIFT_BITS), (one.multiplier, engine.multiplier), (bias, engine.accumulator))
    return np.concatenate([lanes_to_bits(field[:, None], bits) for field, bits in fields], axis=1)
