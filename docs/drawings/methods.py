"""Pictures of what is done beyond rounding: training through it, removing channels, sharing values."""

from __future__ import annotations

import numpy as np

from detquant.graph.values import constant
from detquant.numerics import QType, QuantSpec, dequantize, fake_quantize, grid_from_range, sqnr_db
from drawings.detector import calibrated, layers
from drawings.grids import INSIDE, weight_of
from drawings.learning import kept
from drawings.svg import Axis, Drawing, grid_ticks, histogram

PRUNED = 0.3
SEARCH = (("images", 16),)


def qat() -> Drawing:
    """What rounding does to a number, the slope that training is given in its place, and what a training came to."""
    drawing = Drawing(
        740,
        520,
        "Rounding as a staircase, the slope that gradients are given, and a learning curve",
        "Below, the loss on the images held back falls from its start to its best over the steps of a training.",
    )
    _slopes(drawing)
    _learning_curve(drawing, top=340, base=472)
    return drawing


def _slopes(drawing: Drawing) -> None:
    """Forward and backward, beside each other."""
    grid = grid_from_range(-1.0, 1.0, QuantSpec(qtype=QType(3)))
    inputs = np.linspace(-1.6, 1.6, 641).astype(np.float32)
    rounded = fake_quantize(inputs, grid)
    slope = ((inputs >= float(grid.low)) & (inputs <= float(grid.high))).astype(float)
    for left, title, heights, colour in (
        (50, "forward: the number on its grid", rounded, "a"),
        (410, "backward: the slope that is taken", slope, "b"),
    ):
        across, up = Axis(-1.6, 1.6, left, left + 290), Axis(-1.6, 1.6, 240, 40)
        drawing.line(left, up(0), left + 290, up(0), "faint")
        drawing.line(across(0), 40, across(0), 240, "faint")
        if heights is rounded:  # what it would be without rounding
            drawing.path([(across(x), up(x)) for x in (-1.6, 1.6)], "faint", 1)
        drawing.path([(across(x), up(y)) for x, y in zip(inputs, heights, strict=True)], colour, 2.5)
        drawing.words(left, 24, title, colour=colour)
        across.draw(drawing, 250, (-1, 0, 1))
    drawing.words(
        50, 292, "int3, scale 1/3. The true slope is 0 between two codes and tells training nothing.", colour="muted"
    )


def _learning_curve(drawing: Drawing, top: float, base: float) -> None:
    """The loss on images held back over the steps, from what `drawings.learning` has kept."""
    told = kept()
    points = [(step, loss) for step, loss in told["points"] if loss is not None]
    (start, before), (best, least) = points[0], min(points, key=lambda point: point[1])
    across, up = Axis(0, max(step for step, _ in points), 50, 700), Axis(0, max(loss for _, loss in points), base, top)
    drawing.words(50, top - 16, "training: the loss on the images held back, as a share of that before", colour="c")
    for share in (0, 0.5, 1):
        drawing.line(50, up(share), 700, up(share), "faint")
        drawing.words(44, up(share) + 4, f"{share:.0%}", anchor="end", colour="muted", size=12)
    drawing.path([(across(step), up(loss)) for step, loss in points], "c", 2.5)
    drawing.bar(across(start) - 4, up(before) - 4, 8, 8, "c")
    drawing.words(across(start) + 8, up(before) + 20, "start", colour="c")
    drawing.bar(across(best) - 4, up(least) - 4, 8, 8, "c")
    drawing.words(across(best), up(least) - 12, f"best, after {best} steps: {least:.0%}", anchor="end", colour="c")
    across.draw(drawing, base, [step for step, _ in points][::2])
    drawing.words(
        50, base + 40, f"yolov8-pico, {told['recipe']}, {told['images']} scenes; across: steps", colour="muted"
    )


def pruning() -> Drawing:
    """Channels of each layer before and after."""
    pruned = calibrated(("prune", (("share", PRUNED), *SEARCH)))
    before = {node.name: node for node in layers(calibrated().reference)}
    after = {node.name: node for node in layers(pruned.reference)}
    counts = [(_channels(node), _channels(after[name])) for name, node in before.items() if name in after]
    drawing = Drawing(740, 270, "Output channels of each layer before and after pruning")
    wide, top = 640 / len(counts), max(first for first, _ in counts)
    for number, (first, last) in enumerate(counts):
        place = 50 + number * wide
        drawing.bar(place + 1, 210 - 160 * first / top, wide - 2, 160 * first / top, "muted", 0.35)
        drawing.bar(place + 1, 210 - 160 * last / top, wide - 2, 160 * last / top, "a", 0.9)
    drawing.line(50, 210, 690, 210, "muted")
    drawing.words(50, 24, f"grey: as it came, {sum(first for first, _ in counts)} channels", colour="muted")
    left = sum(last for _, last in counts)
    drawing.words(690, 24, f"{left} are left, at {PRUNED:.0%} fewer multiplications", anchor="end", colour="a")
    drawing.words(50, 230, "layers of yolov8-pico, from the image to the heads", colour="muted")
    drawing.words(44, 56, str(top), anchor="end", colour="muted", size=12)
    return drawing


def clustering() -> Drawing:
    """The weights of a layer, the codes of 4 bits, and as many that were chosen."""
    clustered = calibrated(("cluster", (("clusters", 16), *SEARCH)))
    weight, grid = weight_of(INSIDE), clustered.weights[INSIDE]
    [node] = [one for one in layers(clustered.model) if one.name == INSIDE]
    kept = np.asarray(constant(node.inputs[1]), np.float32)
    scales = grid.scale.reshape(-1, 1, 1, 1)
    codes = np.unique(np.rint(kept / scales).astype(np.int64))
    shown = (weight / scales).ravel()
    reach = float(np.abs(shown).max())
    even = grid_from_range(-reach, reach, QuantSpec(qtype=QType(4)))
    evenly = dequantize(np.arange(-8, 8), even)
    ends = 1.02 * float(np.abs(evenly).max())
    drawing, axis = Drawing(740, 260, "Weights of a layer, 16 even codes and 16 chosen ones"), Axis(-ends, ends)
    counts, _ = np.histogram(shown, 100, (-reach, reach))
    histogram(drawing, axis, counts.tolist(), -reach, reach, 140, 105)
    grid_ticks(drawing, axis, evenly.tolist(), 172, "b", 14)
    drawing.words(40, 188, "16 codes of 4 bits, equally far apart", colour="b")
    grid_ticks(drawing, axis, codes.tolist(), 216, "a", 14)
    drawing.words(40, 232, f"{len(codes)} of the 256 codes of 8 bits, as the step cluster chose them", colour="a")
    drawing.words(40, 20, f"{INSIDE}: weights in steps of their channels", colour="muted")
    nearest = sqnr_db(shown, evenly[np.abs(shown[:, None] - evenly).argmin(axis=1)])
    chosen = sqnr_db(shown, codes[np.abs(shown[:, None] - codes).argmin(axis=1)].astype(np.float32))
    drawing.words(
        690, 252, f"nearest code: {nearest:.1f} dB even, {chosen:.1f} dB chosen", anchor="end", colour="muted"
    )
    return drawing


def _channels(node) -> int:
    return int(node.inputs[1].shape[0])
