"""Pictures of grids: where the numbers that codes stand for lie, and how far off that leaves real ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detquant.graph.values import constant
from detquant.numerics import (
    UINT8,
    PerAxis,
    QType,
    QuantParams,
    QuantSpec,
    dequantize,
    fake_quantize,
    grid_from_range,
    sqnr_db,
)
from detquant.numerics.arrays import Floats
from drawings.detector import calibrated, layers, seen
from drawings.svg import Axis, Drawing, grid_ticks, histogram

ACTIVATION = "silu_1"
STEM = "/model.0/conv/Conv"
INSIDE = "/model.4/m.0/cv1/conv/Conv"


def scale() -> Drawing:
    """-1..1 in three bits: with a zero point, and around zero."""
    drawing, axis = Drawing(740, 205, "Eight codes on the line from -1 to 1, asymmetric and symmetric"), Axis(-1.4, 1.4)
    bits3 = {"asymmetric, uint3": (QType(3, signed=False), False, "a"), "symmetric, int3": (QType(3), True, "b")}
    for number, (name, (qtype, around_zero, colour)) in enumerate(bits3.items()):
        grid = grid_from_range(-1.0, 1.0, QuantSpec(qtype=qtype, symmetric=around_zero))
        base = 60 + 85 * number
        drawing.words(
            40, base - 32, f"{name}: scale {float(grid.scale):.4f}, zero point {int(grid.zero_point)}", size=14
        )
        drawing.line(axis.left, base, axis.right, base, "muted")
        for code, value in _codes(grid):
            drawing.line(axis(value), base - 12, axis(value), base, colour, 3 if value == 0 else 1.6)
            drawing.words(axis(value), base + 17, str(code), anchor="middle", colour=colour, size=12)
    axis.draw(drawing, 180, (-1, 0, 1))
    return drawing


def symmetric() -> Drawing:
    """What a SiLU gives, and the codes of both kinds of grid below it."""
    values = seen(ACTIVATION).ravel()
    low, high = float(values.min()), float(values.max())
    drawing = Drawing(740, 285, "A histogram of a SiLU's output with an asymmetric and a symmetric grid below it")
    kinds = {"asymmetric": (QType(4, signed=False), UINT8, "a"), "symmetric": (QType(4), QType(8), "b")}
    coarse = {
        name: _codes(grid_from_range(low, high, QuantSpec(qtype=narrow, symmetric=name == "symmetric")))
        for name, (narrow, _, _) in kinds.items()
    }
    reach = 1.02 * max(abs(value) for codes in coarse.values() for _, value in codes)
    axis = Axis(-reach, reach)
    counts, _ = np.histogram(values, 160, (low, high))
    histogram(drawing, axis, counts, low, high, 150, 120)
    for number, (name, (_, wide, colour)) in enumerate(kinds.items()):
        real = grid_from_range(low, high, QuantSpec(qtype=wide, symmetric=name == "symmetric"))
        base = 172 + 46 * number
        grid_ticks(drawing, axis, [value for _, value in coarse[name]], base, colour, 16)
        used = len(np.unique(fake_quantize(values, real)))
        decibels = sqnr_db(values, fake_quantize(values, real))
        drawing.words(40, base + 17, f"{name}: at 8 bits {used} of 256 codes occur, {decibels:.1f} dB", colour=colour)
    axis.draw(drawing, 254, range(-12, 13, 4))
    drawing.words(
        40, 22, f"{ACTIVATION}: from {low:.2f} to {high:.2f}; strokes are the codes at 4 bits", colour="muted"
    )
    return drawing


def channels() -> Drawing:
    """The largest weight of each channel of the first layer, and the steps that both kinds of grid give it."""
    weight = weight_of(STEM)
    peaks = np.abs(weight).reshape(len(weight), -1).max(axis=1)
    drawing = Drawing(740, 280, "The range of each output channel beside one range for all of them")
    left, wide, base, tall = 60, 620 / len(peaks), 190, 150
    for number, peak in enumerate(peaks):
        place = left + number * wide
        drawing.bar(place + 6, base - tall * peak / peaks.max(), wide - 12, tall * peak / peaks.max(), "a", 0.75)
        drawing.words(place + wide / 2, base + 17, str(number), anchor="middle", colour="muted", size=12)
    drawing.line(left, base, 690, base, "muted")
    drawing.line(left, base - tall, 690, base - tall, "b", 2)
    drawing.words(690, base - tall - 8, "per tensor: all channels have this range", anchor="end", colour="b")
    drawing.words(left, base + 36, "output channel; bars are its largest weight, its range per channel", colour="muted")
    spec = QuantSpec(qtype=QType(8))
    by_tensor = grid_from_range(-peaks.max(), peaks.max(), spec)
    by_channel = grid_from_range(-peaks, peaks, QuantSpec(qtype=QType(8), granularity=PerAxis(0)), axis=0)
    said = [f"{sqnr_db(weight, fake_quantize(weight, grid)):.1f} dB" for grid in (by_tensor, by_channel)]
    drawing.words(
        left, base + 62, f"{STEM}, 8 bits: per tensor {said[0]}, per channel {said[1]} above the rounding error"
    )
    return drawing


def four_bits() -> Drawing:
    """The weights of a layer with the codes of 8, 4 and 2 bits below them."""
    weight = weight_of(INSIDE)[:1].ravel()
    low, high = float(weight.min()), float(weight.max())
    reach = max(-low, high)
    drawing, axis = Drawing(740, 300, "Weights of one channel and the codes of 8, 4 and 2 bits"), Axis(-reach, reach)
    counts, _ = np.histogram(weight, 60, (-reach, reach))
    histogram(drawing, axis, counts, -reach, reach, 140, 105)
    for number, (bits, colour) in enumerate(((8, "c"), (4, "a"), (2, "b"))):
        grid = grid_from_range(low, high, QuantSpec(qtype=QType(bits)))
        base = 178 + 42 * number
        grid_ticks(drawing, axis, [value for _, value in _codes(grid)], base, colour, 14)
        said = f"{bits} bits: {sqnr_db(weight, fake_quantize(weight, grid)):.1f} dB above the rounding error"
        drawing.words(40, base + 16, said, colour=colour)
    drawing.words(40, 20, f"channel 0 of {INSIDE}, {weight.size} weights; each nearest, nothing solved", colour="muted")
    return drawing


def weight_of(layer: str) -> Floats:
    """The weight of a layer of the float graph."""
    [node] = [one for one in layers(calibrated().reference) if one.name == layer]
    found = constant(node.inputs[1])
    assert found is not None
    return np.asarray(found, np.float32)


def _codes(grid: QuantParams) -> Sequence[tuple[int, float]]:
    codes = np.arange(grid.qtype.qmin, grid.qtype.qmax + 1)
    return list(zip(codes.tolist(), dequantize(codes, grid).tolist(), strict=True))
