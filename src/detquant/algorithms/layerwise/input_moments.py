"""Means and covariances of what layers read in the float network, at sampled positions of calibration images.

The covariance of a layer's inputs is as large as its weight squared; a few layers at a time are looked at, so that
memory stays bounded, in as many runs of the float network over the images as that takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import onnx_ir as ir

from detquant.algorithms.layerwise.float_side import FloatSide
from detquant.algorithms.layerwise.form_of_node import rows_of
from detquant.algorithms.layerwise.layer_form import LayerForm
from detquant.algorithms.layerwise.least_squares import Moments, Sums
from detquant.calibration import Images
from detquant.graph.running import OrtRunner
from detquant.graph.taps import with_taps_only

MOST_ENTRIES = 1 << 25
"""Entries of the covariances that are held at a time: 256 MB."""


def input_moments(
    model: ir.Model,
    names: Sequence[str],
    forms: Mapping[str, LayerForm],
    floats: FloatSide,
    images: Images,
    threads: int,
) -> Iterator[tuple[str, Moments]]:
    """The moments of each layer's inputs, by the layer's name; nothing of its outputs is in them.

    Args:
        model: float graph.
        names: the layers.
        forms: these as matrix products.
        floats: says which positions are sampled, and how much each counts.
        images: calibration images.
        threads: of the runtime.
    """
    nodes = {node.name or "": node for node in model.graph if node.name in forms}
    for batch in _batches(names, forms, nodes):
        yield from _moments(model, [nodes[name] for name in batch], forms, floats, images, threads)


def _batches(names: Sequence[str], forms: Mapping[str, LayerForm], nodes: Mapping[str, ir.Node]) -> Iterator[list[str]]:
    batch, entries = list[str](), 0
    for name in names:
        groups, _, inputs = rows_of(nodes[name], forms[name]).shape
        if batch and entries + groups * inputs**2 > MOST_ENTRIES:
            yield batch
            batch, entries = [], 0
        batch.append(name)
        entries += groups * inputs**2
    if batch:
        yield batch


def _moments(
    model: ir.Model,
    nodes: Sequence[ir.Node],
    forms: Mapping[str, LayerForm],
    floats: FloatSide,
    images: Images,
    threads: int,
) -> Iterator[tuple[str, Moments]]:
    read = {node.name or "": _name(node.inputs[0]) for node in nodes}
    inputs = {value.name or "" for value in model.graph.inputs}
    inside = [name for name in dict.fromkeys(read.values()) if name not in inputs]
    runner = OrtRunner(with_taps_only(model, inside), threads)
    sums = dict[str, Sums]()
    for place, feed in enumerate(images):
        arrays = {**feed, **runner.run(feed)}
        for node in nodes:
            name = node.name or ""
            positions = floats.positions(name, place)
            x = forms[name].inputs(arrays[read[name]], positions)
            nothing = np.zeros((len(x), 0, x.shape[2]), np.float32)
            if name not in sums:
                sums[name] = Sums(x.mean(axis=2, keepdims=True), nothing[..., :1])
            sums[name].add(x, nothing, floats.weights(name, place, positions))
    for name in read:
        yield name, sums.pop(name).moments()


def _name(value: ir.Value | None) -> str:
    assert value is not None and value.name, "values of prepared graphs are named"
    return value.name
