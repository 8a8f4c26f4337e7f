"""The compiled file holds the numbers of the reference kernels: each bias, multiplier, shift and table, bit for bit.

The NPU reads a record of 10 bytes for each channel: 40 bits of bias, 32 of the multiplier, 6 of the shift to the right;
256 codes for a table; and registers for what multiplies two maps (Arm, Ethos-U55 NPU, Technical Reference Manual).
"""

from __future__ import annotations

import numpy as np
import pytest

from detquant.targets.ethosu.chip import Chip
from detquant.targets.ethosu.vela import Compiled, compile_model
from detquant.targets.tflite.schema import schema
from detquant.targets.tflite.target import FILE

pytest.importorskip("ai_edge_litert", reason="the extra tflite is not installed")
pytest.importorskip("ethosu.vela", reason="the extra ethosu is not installed")
from plain_npu import Plain, multiplier

OFM_SCALE = 0x4024
"""Register of the multiplier behind an operator on two maps, with the shift beside it."""
OFM_PRECISION, ROUNDING = 0x0114, 14
"""Register that says how results are rounded, and the bits that do; they are 0 for twice."""
CONV, ELEMENTWISE, MUL = 2, 6, 0
"""Commands that start the NPU on a layer and on two maps, and the word that says to multiply these."""
STREAM, LONG = 2, 0x4000
"""The driver's word that begins the commands, and the bit of those that have a number behind them."""
LAYERS = ("CONV_2D", "FULLY_CONNECTED")


@pytest.fixture(scope="module", params=["resnet-pico", "yolov8-pico"])
def both(request, artefact):
    """A file as numbers, and the constants and commands of what Vela made of it."""
    content = artefact(request.param).files[FILE]
    made = compile_model(FILE, content, Chip())
    assert isinstance(made, Compiled), made
    s = schema()
    model = s.ModelT.InitFromObj(s.Model.GetRootAs(made.content))
    held = {one.name: model.buffers[one.buffer].data for one in model.subgraphs[0].tensors}
    constants, commands = (
        np.asarray(held[one], np.uint8).tobytes() for one in (b"read_only", b"ethos_u_command_stream")
    )
    return Plain(content), constants, commands


def of_kind(plain, *kinds):
    return [op for op in plain.graph.operators if plain.kind(op) in kinds]


def test_every_channel_has_its_bias_and_multiplier(both):
    plain, constants, _ = both
    for op in of_kind(plain, *LAYERS):
        biases = plain.constant(op.inputs[2])
        for bias, factor in zip(biases, np.broadcast_to(plain.factors(op), biases.shape), strict=True):
            bits, shift = multiplier(factor)
            low = (int(bias) & ((1 << 40) - 1)).to_bytes(5, "little")
            assert low + bits.to_bytes(4, "little") + bytes([31 - shift]) in constants


def test_every_sigmoid_has_its_table(both):
    plain, constants, _ = both
    every = np.arange(-128, 128)
    for op in of_kind(plain, "LOGISTIC"):
        assert plain.logistic(op, {op.inputs[0]: every}).astype(np.int8).tobytes() in constants


def test_every_product_of_maps_has_its_multiplier(both):
    plain, _, commands = both
    for op in of_kind(plain, "MUL"):
        (first,), (second,), (out,) = (plain.scales(k) for k in (*op.inputs, *op.outputs))
        bits, shift = multiplier(first * second / out)
        assert ((31 - shift) << 16 | OFM_SCALE).to_bytes(4, "little") + bits.to_bytes(4, "little") in commands


def started(commands):
    """The commands that start the NPU, each with its word and the rounding that holds then."""
    words = np.frombuffer(commands, "<u4").tolist()
    place = next(k for k, word in enumerate(words) if word & 0xFF == STREAM and k > 1) + 1
    rounding = None
    while place < len(words):
        code, word = words[place] & 0xFFFF, words[place] >> 16
        rounding = word >> ROUNDING if code == OFM_PRECISION else rounding
        if code in (CONV, ELEMENTWISE):
            yield code, word, rounding
        place += 2 if code & LONG else 1


def test_what_multiplies_rounds_twice(both):
    plain, _, commands = both
    found = [one for one in started(commands) if one[0] == CONV or one[1] == MUL]
    assert len(found) >= len(of_kind(plain, *LAYERS, "MUL")) and all(rounding == 0 for *_, rounding in found)
