"""The graph rewritten where a few images show that channels of SiLUs are too uneven for one grid."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx_ir as ir

from detquant.calibration.collect import Feed
from detquant.calibration.probes import with_extremes
from detquant.graph.even_silu import scales_of, silu_outputs, with_even_silu
from detquant.graph.running import OrtRunner


def with_even_channels(model: ir.Model, feeds: Iterable[Feed], threads: int = 1) -> tuple[ir.Model, int]:
    """The model with even SiLUs (see `detquant.graph.even_silu`), for targets that cannot keep them in float.

    Args:
        model: prepared float graph.
        feeds: a handful of images as network inputs.
        threads: number of threads of the runtime.

    Returns:
        A copy, and how many SiLUs were rewritten; the model itself where there are none.
    """
    names = silu_outputs(model)
    if not names:
        return model, 0
    runner = OrtRunner(with_extremes(model, [], by_channel=names), threads)
    found = [runner.run(feed) for feed in feeds]
    peaks = {name: np.max([out[f"{name}:peak"] for out in found], axis=0) for name in names}
    uneven = {name: peak for name, peak in peaks.items() if scales_of(peak) is not None}
    return (with_even_silu(model, uneven), len(uneven)) if uneven else (model, 0)
