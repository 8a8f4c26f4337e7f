"""SQNR of each quantised tensor against the float model's, as Q and DQ are written, whatever computes them here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod

import numpy as np
import onnx_ir as ir

from detquant.graph.running import AS_WRITTEN, OrtRunner
from detquant.graph.taps import with_taps_only
from detquant.graph.values import static_shape, values_by_name
from detquant.numerics import ratio_db
from detquant.numerics.arrays import Array

AT_ONCE = 24_000_000
"""Number of values of each graph that are compared in one run, 96 MB, so that memory stays bounded."""
UNKNOWN = AT_ONCE // 64
"""What a tensor without a static shape counts as."""


def sqnr_by_tensor(
    reference: ir.Model,
    quantized: ir.Model,
    tensors: Mapping[str, str],
    feeds: Iterable[Mapping[str, Array]],
    threads: int = 1,
) -> dict[str, float]:
    """SQNR in dB by tensor.

    Args:
        reference: float graph.
        quantized: QDQ graph.
        tensors: name in the float graph -> name of its dequantised value in the QDQ graph.
        feeds: preprocessed images.
        threads: number of threads of the runtime.
    """
    names, images = list(tensors), tuple(feeds)
    found: dict[str, float] = {}
    for together in _in_chunks(reference, names):
        found |= _chunk(reference, quantized, {name: tensors[name] for name in together}, images, threads)
    return {name: found[name] for name in names}


def _in_chunks(model: ir.Model, names: Sequence[str]) -> list[list[str]]:
    """The tensors in their order, as many together as `AT_ONCE` allows, and one at least."""
    values, chunks, taken = values_by_name(model.graph), list[list[str]](), 0
    for name in names:
        shape = static_shape(values[name])
        size = UNKNOWN if shape is None else prod(shape)
        if not chunks or taken + size > AT_ONCE:
            chunks.append([])
            taken = 0
        chunks[-1].append(name)
        taken += size
    return chunks


def _chunk(
    reference: ir.Model,
    quantized: ir.Model,
    tensors: Mapping[str, str],
    images: Sequence[Mapping[str, Array]],
    threads: int,
) -> dict[str, float]:
    clean = OrtRunner(with_taps_only(reference, tensors), threads)
    noisy = OrtRunner(with_taps_only(quantized, tensors.values()), threads, optimisation=AS_WRITTEN)
    power, noise = dict.fromkeys(tensors, 0.0), dict.fromkeys(tensors, 0.0)
    for feed in images:
        x, y = clean.run(feed), noisy.run(feed)
        for name, other in tensors.items():
            a = np.asarray(x[name], np.float32).ravel()
            d = np.asarray(y[other], np.float32).ravel() - a
            power[name] += float(np.dot(a, a))
            noise[name] += float(np.dot(d, d))
    return {name: ratio_db(power[name], noise[name]) for name in tensors}
