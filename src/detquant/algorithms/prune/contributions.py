"""Measures what each channel adds to the outputs of the layers that read it, on calibration images.

The covariance of a layer's inputs is as large as its weight squared; a few layers at a time are looked at, so that
memory stays bounded, in as many runs of the float network over the images as that takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import onnx_ir as ir

from detquant.algorithms._base import Context
from detquant.algorithms.layerwise.float_side import FloatSide
from detquant.algorithms.layerwise.form_of_node import rows_of
from detquant.algorithms.layerwise.layer_form import LayerForm
from detquant.algorithms.layerwise.least_squares import Sums
from detquant.algorithms.prune.criteria import Contributions
from detquant.calibration import Images
from detquant.graph.channels import Channels
from detquant.graph.running import OrtRunner
from detquant.graph.taps import with_taps_only
from detquant.numerics.arrays import Doubles, Floats, Ints

MOST_ENTRIES = 1 << 25
"""Entries of the covariances that are held at a time: 256 MB."""


def measured(
    model: ir.Model,
    channels: Channels,
    forms: Mapping[str, LayerForm],
    floats: FloatSide,
    images: Images,
    context: Context,
) -> dict[str, Contributions]:
    """The contributions of channels to each layer that reads followed ones, by the layer's name.

    Args:
        model: float graph.
        channels: of it.
        forms: the layers as matrix products.
        floats: says which positions are sampled, and how much each counts.
        images: calibration images.
        context: threads, and who is told how far it is.
    """
    names = [name for name in forms if channels.layers[name].reads.size]
    found = dict[str, Contributions]()
    weights = {node.name or "": node for node in model.graph if node.name in forms}
    for batch in _batches(names, forms, weights):
        for name, xx in _covariances(model, [weights[name] for name in batch], forms, floats, images, context):
            rows = np.asarray(rows_of(weights[name], forms[name]), np.float64)
            found[name] = _contributions(rows, xx, channels.roots(channels.layers[name].reads))
            context.tick("looking at channels", len(found), len(names))
    return found


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


def _covariances(
    model: ir.Model,
    nodes: Sequence[ir.Node],
    forms: Mapping[str, LayerForm],
    floats: FloatSide,
    images: Images,
    context: Context,
) -> Iterator[tuple[str, Doubles]]:
    """Covariance of the inputs of some layers, ``[G, K, K]``."""
    read = {node.name or "": _name(node.inputs[0]) for node in nodes}
    inputs = {value.name or "" for value in model.graph.inputs}
    inside = [name for name in dict.fromkeys(read.values()) if name not in inputs]
    runner = OrtRunner(with_taps_only(model, inside), context.threads)
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
        yield name, sums.pop(name).moments().xx


def _contributions(rows: Doubles, xx: Doubles, roots: Ints) -> Contributions:
    """Contributions of the channels to a layer's outputs.

    Args:
        rows: the weight, ``[G, O, K]``.
        xx: covariance of its inputs, ``[G, K, K]``.
        roots: the channels that it reads, one for each input of each group.
    """
    groups, _, inputs = rows.shape
    distinct, columns = np.unique(roots.reshape(-1), return_inverse=True)
    own = np.repeat(columns.reshape(-1), groups * inputs // roots.size).reshape(groups, inputs)
    whole = np.zeros((len(distinct), len(distinct)))
    for weight, covariance, places in zip(rows, xx, own, strict=True):
        member: Floats = np.zeros((inputs, len(distinct)), np.float32)
        member[np.arange(inputs), places] = 1.0
        products = ((weight.T @ weight) * covariance).astype(np.float32)
        whole += member.T @ products @ member
    return Contributions(distinct, (whole + whole.T) / 2)


def _name(value: ir.Value | None) -> str:
    assert value is not None and value.name, "values of prepared graphs are named"
    return value.name
