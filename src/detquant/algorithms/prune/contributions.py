"""Measures what each channel adds to the outputs of the layers that read it, on calibration images."""

from __future__ import annotations

import numpy as np

from detquant.algorithms.layerwise.form_of_node import rows_of
from detquant.algorithms.layerwise.input_moments import input_moments
from detquant.algorithms.prune.basis import Basis
from detquant.algorithms.prune.criteria import Contributions
from detquant.numerics.arrays import Doubles, Floats, Ints


def measured(basis: Basis) -> dict[str, Contributions]:
    """The contributions of channels to each layer that reads followed ones, by the layer's name."""
    channels, forms, threads = basis.channels, basis.forms, basis.context.threads
    names = [name for name in forms if channels.layers[name].reads.size]
    found = dict[str, Contributions]()
    weights = {node.name or "": node for node in basis.model.graph if node.name in forms}
    for name, moments in input_moments(basis.model, names, forms, basis.floats, basis.images, threads):
        rows = np.asarray(rows_of(weights[name], forms[name]), np.float64)
        found[name] = _contributions(rows, moments.xx, channels.roots(channels.layers[name].reads))
        basis.context.tick("looking at channels", len(found), len(names))
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
