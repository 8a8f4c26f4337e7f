"""What each layer's width does to the time of an image, as the target runs it.

Most runtimes widen narrow codes to 8 bits before they multiply, so widths change nothing. Therefore the model with all
layers at their narrowest and the one with all at their widest are timed first, in turn
(`detquant.algorithms.beyond_noise`): only where the difference is beyond noise are layers timed singly, each at each
width, all others at their widest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from detquant.algorithms.beyond_noise import Timing, processor_clock, time_until_clear
from detquant.errors import OptionError
from detquant.progress import Progress
from detquant.targets import Runner
from detquant.targets._base import Arrays
from detquant.targets.latency import time_turns

MOST = 80
"""Turns in which a difference must show."""
TURNS = 20
"""Turns in which a single layer is timed."""
WARM_UP = 3
FASTER = 0.98
"""Ratio of the times of narrowest and widest above which widths are no means to be faster."""
SAME = (
    "On {target} widths do not change the time of an image: {narrow:.2f} ms with every layer as narrow as it may be, "
    "{wide:.2f} ms with every layer as wide ({turns} runs in turn). Its kernels widen narrow codes. Give a budget of "
    "bits, bytes or bit operations, or a recipe with the step 'placement', which decides by time what stays in float."
)

Open = Callable[[Mapping[str, int]], Runner]
"""Opens the model with these widths on its target."""
Times = dict[str, dict[int, float]]


def layer_latency(
    target: str,
    opened: Open,
    widths: Mapping[str, tuple[int, ...]],
    feed: Arrays,
    *,
    turns: int = TURNS,
    progress: Progress | None = None,
) -> Times:
    """Milliseconds that each layer adds at each width to the time of all layers at their widest.

    Args:
        target: name of the target, for the message.
        opened: opens the model with some widths.
        widths: layer -> widths that it may have.
        feed: an image.
        turns: how often a single layer is timed.
        progress: called with ("timing layers", done, total).

    Returns:
        Layer -> width -> milliseconds; under the empty name at 0 the time of all layers at their widest.

    Raises:
        OptionError: widths do not change the time there.
    """
    widest = {layer: max(several) for layer, several in widths.items()}
    wide, narrow = opened(widest), opened({layer: min(several) for layer, several in widths.items()})
    timing = time_until_clear(partial(_alternate, wide, narrow, feed), lambda _: FASTER, lambda _: MOST)
    if timing.interval()[2] >= FASTER:
        told = float(np.median(timing.candidate)), timing.reference_ms
        raise OptionError(SAME.format(target=target, narrow=told[0], wide=told[1], turns=timing.turns))
    found: Times = {"": {0: timing.reference_ms}}
    for done, (layer, several) in enumerate(widths.items(), 1):
        found[layer] = {bits: 0.0 for bits in several}
        for bits in several:
            if bits != widest[layer]:
                single = Timing()
                single.add(_alternate(wide, opened({**widest, layer: bits}), feed, turns))
                found[layer][bits] = float(np.median(np.subtract(single.candidate, single.reference)))
        if progress:
            progress("timing layers", done, len(widths))
    return found


def _alternate(reference: Runner, candidate: Runner, feed: Arrays, turns: int) -> dict[str, list[float]]:
    calls = {"reference": partial(reference.run, feed), "candidate": partial(candidate.run, feed)}
    taken = time_turns(calls, turns, WARM_UP, processor_clock())
    return {name: [1e3 * seconds for seconds in times] for name, times in taken.items()}
