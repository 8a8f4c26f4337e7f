"""Images as a stream of pixels: the code of each, and a stream for the test bench.

* ``pixels.mem``: pixels of the image of the vectors, line by line, 24 bits each: red in the low byte, green, blue.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from detquant.families.input_form import Form
from detquant.families.letterbox import as_tensor
from detquant.integer.graph import IntegerGraph
from detquant.integer.operators import CodeArray
from detquant.numerics import quantize
from detquant.numerics.arrays import Ints
from detquant.targets.verilog.axi.registers import COLOURS, ENTRIES
from detquant.targets.verilog.memories.files import mem
from detquant.targets.verilog.memories.rows import Memory, packed
from detquant.targets.verilog.program import Program

MOST_FOLD = 15


def why_no_stream(program: Program, form: Form | None) -> str | None:
    """Why images do not come on the stream of pixels but are written to memory by the host; None where they may."""
    if form is None:
        return "how pixels become numbers was not told"
    if len(program.images) != 1:
        return f"the network has {len(program.images)} images"
    name, picture = next(iter(program.images.items()))
    _, channels, height, width = program.shapes[name]
    if channels != COLOURS:
        return f"its image has {channels} channels, not {COLOURS}"
    if [place.slot for place in picture.view.channels] != list(range(COLOURS * picture.fold**2)):
        return "its channels lie in an order of their own"
    if picture.fold > MOST_FOLD or height % picture.fold or width % picture.fold:
        return f"{height} x {width} pixels are not folded by {picture.fold} without a rest, or by more than {MOST_FOLD}"
    if program.engine.array.icp < 4:
        return "a word has less than 4 codes"
    return None


def pixel_codes(program: Program, graph: IntegerGraph, form: Form) -> Ints:
    """Stored codes ``[3, 256]`` of pixels by channel of the network: what quantising its input gives."""
    name = next(iter(program.images))
    ramp = np.repeat(np.arange(ENTRIES, dtype=np.uint8)[None, :, None], COLOURS, axis=2)
    numbers = as_tensor(ramp, rgb=form.rgb, mean=form.mean, std=form.std)
    return quantize(numbers, graph.grids[name])[0, :, 0] - program.offsets[name]


def pixel_vectors(
    program: Program, graph: IntegerGraph, images: Mapping[str, CodeArray], form: Form | None
) -> dict[str, bytes]:
    """A stream of pixels whose codes are those of an image; none where there is no such stream.

    Codes that no pixel has, as those of padding, or of random vectors, leave the image to the host.
    """
    if form is None or why_no_stream(program, form) is not None:
        return {}
    name = next(iter(program.images))
    codes = images[name].reshape(COLOURS, -1) - program.offsets[name]
    pixels = np.empty_like(codes, np.int64)
    for channel, table in enumerate(pixel_codes(program, graph, form)):
        known, first = np.unique(table, return_index=True)
        places = np.minimum(np.searchsorted(known, codes[channel]), len(known) - 1)
        if (known[places] != codes[channel]).any():
            return {}
        pixels[channel] = first[places]
    colours = pixels if form.rgb else pixels[::-1]
    return {"pixels.mem": mem(Memory("pixels", 8 * COLOURS, packed(np.ascontiguousarray(colours.T), 8)))}
