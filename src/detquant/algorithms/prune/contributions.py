"""Measures what each channel adds to the outputs of the layers that read it, on calibration images."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx_ir as ir

from detquant.algorithms._base import Context
from detquant.algorithms.layerwise.float_side import FloatSide
from detquant.algorithms.layerwise.form_of_node import rows_of
from detquant.algorithms.layerwise.input_moments import input_moments
from detquant.algorithms.layerwise.layer_form import LayerForm
from detquant.algorithms.prune.criteria import Contributions
from detquant.calibration import Images
from detquant.graph.channels import Channels
from detquant.numerics.arrays import Doubles, Floats, Ints


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
    for name, moments in input_moments(model, names, forms, floats, images, context.threads):
        rows = np.asarray(rows_of(weights[name], forms[name]), np.float64)
        found[name] = _contributions(rows, moments.xx, channels.roots(channels.layers[name].reads))
        context.tick("looking at channels", len(found), len(names))
    return found


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
