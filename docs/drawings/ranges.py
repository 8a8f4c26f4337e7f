"""Pictures of ranges: how they are found, and where one grid cannot hold two kinds of numbers."""

from __future__ import annotations

import numpy as np

from detquant.calibration import OBSERVERS, TensorView
from detquant.embedded import embedded_model
from detquant.graph import OrtRunner
from detquant.numerics import UINT8, QType, QuantSpec, grid_from_range, quantize
from drawings.detector import calibrated, detector, seen
from drawings.svg import Axis, Drawing, grid_ticks, histogram

TENSOR = "conv2d_1"
SILU = "silu_1"
OUTPUT = "output0"


def static() -> Drawing:
    """The range that each estimator gives a tensor."""
    found = calibrated().statistics
    low, high = found.bounds(TENSOR)
    drawing = Drawing(740, 345, "A histogram of an activation, and the ranges that estimators give it")
    axis = Axis(low, high, 250)
    counts = found.histograms[TENSOR].reshape(-1, 16).sum(axis=1)
    histogram(drawing, axis, counts.tolist(), low, high, 130, 100)
    spec = QuantSpec(qtype=UINT8, symmetric=False)
    extremes = np.asarray(found.extremes[TENSOR], np.float32)
    view = TensorView(extremes=extremes, histogram=found.histograms[TENSOR], spec=spec)
    for number, (name, observer) in enumerate(OBSERVERS.items()):
        first, last = (float(np.clip(end, low, high)) for end in observer.range(view))
        base = 156 + 22 * number
        drawing.line(axis(first), base, axis(last), base, "a", 6)
        drawing.words(20, base + 4, f"{name}: {first:.2f} to {last:.2f}")
    axis.draw(drawing, 312, np.linspace(low, high, 7).tolist(), "{:.1f}")
    drawing.words(
        250, 20, f"{TENSOR} on {found.images} calibration scenes; heights are roots of counts", colour="muted"
    )
    return drawing


def dynamic() -> Drawing:
    """The range of a tensor in each image, and the one that calibration keeps."""
    found = calibrated().statistics
    table, grid = np.asarray(found.extremes[TENSOR]), calibrated().params[TENSOR]
    low, high = float(table[:, 0].min()), float(table[:, 1].max())
    drawing = Drawing(740, 260, "The range of an activation in each calibration image, and the static range")

    def place(number: float) -> float:
        return 210 - (number - low) / (high - low) * 170

    wide = 620 / len(table)
    for number, (least, most) in enumerate(table):
        drawing.bar(60 + number * wide + 2, place(most), wide - 4, place(least) - place(most), "a", 0.6)
    for end in (float(grid.low), float(grid.high)):
        drawing.line(60, place(end), 690, place(end), "b", 2)
        drawing.words(56, place(end) + 4, f"{end:.1f}", anchor="end", colour="b", size=12)
    drawing.words(690, 22, "static: one range for all images", anchor="end", colour="b")
    drawing.words(60, 22, "dynamic: a bar for each image", colour="a")
    drawing.words(60, 240, f"{TENSOR}, {len(table)} scenes", colour="muted")
    return drawing


def silu() -> Drawing:
    """The curve of SiLU, and how its output spends the codes of 8 bits."""
    values = seen(SILU).ravel()
    high = float(values.max())
    drawing = Drawing(740, 330, "SiLU, and the codes that its output has below zero")
    across, up = Axis(-6, 6, 60, 690), Axis(-0.4, 3.0, 0, 1)

    def place(number: float) -> float:
        return 205 - up(number) * 175

    inputs = np.linspace(-6, 3.0, 181)
    curve = inputs / (1 + np.exp(-inputs))
    finely = np.linspace(-2, 0, 20001)
    bottom = float((finely / (1 + np.exp(-finely))).min())
    grid = grid_from_range(bottom, high, QuantSpec(qtype=UINT8, symmetric=False))
    four = grid_from_range(bottom, high, QuantSpec(qtype=QType(4, signed=False), symmetric=False))
    for code in range(16):
        value = (code - int(four.zero_point)) * float(four.scale)
        if value <= 3:
            drawing.line(60, place(value), 690, place(value), "faint", 1)
    drawing.path([(across(x), place(y)) for x, y in zip(inputs, curve, strict=True)], "a", 2.5)
    below = values[values < 0]
    spent = len(np.unique(quantize(below, grid)))
    drawing.words(70, 24, "silu(x) = x · sigmoid(x); grey: what codes of 4 bits stand for", colour="muted")
    drawing.words(70, 40, f"its least value is {bottom:.4f}", colour="a")
    counts, _ = np.histogram(values, 120, (bottom, high))
    line = Axis(bottom, high, 60, 690)
    histogram(drawing, line, counts.tolist(), bottom, high, 285, 55)
    grid_ticks(drawing, line, [(code - int(grid.zero_point)) * float(grid.scale) for code in range(256)], 299, "b", 10)
    said = f"{len(below) / len(values):.0%} of {SILU} lie below zero, and {spent} of 256 codes are for them"
    drawing.words(60, 322, said, colour="b")
    return drawing


def decode_tail() -> Drawing:
    """What the detector gives: pixels and chances, and the one grid that holds both."""
    runner = OrtRunner(embedded_model(detector().imported.path.stem).read_bytes())
    feed = {detector().family.input_name: seen("images")}
    rows = next(iter(runner.run(feed).values()))[0]
    boxes, scores = rows[:4], rows[4:]
    grid = grid_from_range(float(rows.min()), float(rows.max()), QuantSpec(qtype=UINT8, symmetric=False))
    step = float(grid.scale)
    drawing = Drawing(740, 250, "Boxes in pixels and scores from 0 to 1 on one grid")
    pixels, chances = Axis(0, float(boxes.max()), 60, 690), Axis(0, 2 * step, 60, 690)
    counts, _ = np.histogram(boxes, 100, (0, float(boxes.max())))
    histogram(drawing, pixels, counts.tolist(), 0, float(boxes.max()), 90, 50)
    pixels.draw(drawing, 90, np.linspace(0, float(boxes.max()), 5).tolist(), "{:.0f}")
    drawing.words(60, 26, f"boxes: 0 to {boxes.max():.0f} pixels, one step is {step:.2f}", colour="a")
    counts, _ = np.histogram(scores, 120, (0, 1))
    histogram(drawing, chances, counts.tolist(), 0, 1, 200, 50)
    chances.draw(drawing, 200, [0, 0.25, 0.5, 0.75, 1])
    grid_ticks(drawing, chances, [0, step, 2 * step], 200, "b", 60)
    cells = int((scores.max(axis=0) > 0.25).sum())
    lost = cells - int((scores.max(axis=0) > step / 2).sum())
    drawing.words(
        60, 134, f"scores: the nearest codes are 0 and {step:.2f}; half of that is the least that is not 0", colour="b"
    )
    drawing.words(60, 240, f"{lost} of the {cells} cells that see an object above 0.25 round to 0", colour="b")
    return drawing
