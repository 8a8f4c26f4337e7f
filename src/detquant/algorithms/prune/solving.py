"""What is left, solved anew: each layer's weight for the outputs that it gave before, from what it reads now.

In the order of the graph, as `refit` does it, in floats: inputs come from the pruned network so far, the target from
the float one as it came, the ridge from two halves of the images (`least_squares`). Of heads the outputs are made to
vary as they did before (`Moments.unshrunk`): least squares answers what cannot be known with less, and scores are held
against a threshold.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from detquant.algorithms.checkpoint import Checkpoint
from detquant.algorithms.layerwise.float_side import FloatSide
from detquant.algorithms.layerwise.form_of_node import layer_form, rows_of
from detquant.algorithms.layerwise.layer_form import LayerForm
from detquant.algorithms.layerwise.least_squares import Halves
from detquant.algorithms.layerwise.staged_run import StagedRun
from detquant.algorithms.prune.basis import Basis
from detquant.graph.decode_tail import find_decode_tail
from detquant.graph.depth import levels
from detquant.graph.traits import OPS, bias_of
from detquant.graph.values import constant
from detquant.graph.weights import replace_bias, replace_weight
from detquant.numerics.arrays import Array, Bools, Floats

UNTOUCHED = 1e-6
"""Share of the outputs' variance that a layer may be off to stay as it is: nothing before it was pruned."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SolvedLayer:
    """A layer solved anew.

    Attributes:
        weight: in its own shape.
        bias: ``[channels]``; None where the layer can have none.
        error: mean squared error of the outputs, as a share of their variance.
        error_before: the same with the weight as it was and the best bias for it.
    """

    weight: Floats
    bias: Floats | None
    error: float
    error_before: float


class SolvedLayers:
    """Layers by name, as a checkpoint keeps them.

    Args:
        checkpoint: where they are kept.
        arrays: what it holds.
    """

    def __init__(self, checkpoint: Checkpoint, arrays: dict[str, Array]) -> None:
        self._checkpoint, self._arrays = checkpoint, arrays

    def __len__(self) -> int:
        return sum(key.startswith("weight:") for key in self._arrays)

    def __contains__(self, name: object) -> bool:
        return f"weight:{name}" in self._arrays

    def __getitem__(self, name: str) -> SolvedLayer:
        error, before = np.asarray(self._arrays[f"errors:{name}"], np.float64).tolist()
        bias = self._arrays.get(f"bias:{name}")
        return SolvedLayer(
            weight=np.asarray(self._arrays[f"weight:{name}"], np.float32),
            bias=None if bias is None else np.asarray(bias, np.float32),
            error=error,
            error_before=before,
        )

    def add(self, name: str, solved: SolvedLayer) -> None:
        """One more layer."""
        self._arrays[f"weight:{name}"] = solved.weight
        self._arrays[f"errors:{name}"] = np.array([solved.error, solved.error_before])
        if solved.bias is not None:
            self._arrays[f"bias:{name}"] = solved.bias
        self._checkpoint.keep(self._arrays)

    def finish(self) -> None:
        """Writes all of them."""
        self._checkpoint.keep(self._arrays, now=True)


def solve(model: ir.Model, kept: Mapping[str, Bools], basis: Basis, ridge: float | None, solved: SolvedLayers) -> None:
    """Gives each layer of a pruned graph, in place, the weight that is found for it.

    Args:
        model: the pruned graph.
        kept: which outputs of each layer are left, by its name, in the graph's order.
        basis: the network as it was, with the outputs of those layers that are not solved yet.
        ridge: see `Prune`.
        solved: layers of an interrupted run; these are added.
    """
    forms = {node.name or "": form for node in model.graph if node.name in kept and (form := layer_form(node))}
    missing = {name: form for name, form in forms.items() if name not in solved}
    heads = {node.name or "" for node in find_decode_tail(model.graph).head_convs}
    pruned = StagedRun(model, basis.images, basis.context.threads, layers=forms)
    with closing(pruned):
        for level in levels(model.graph, forms):
            # what is solved already is run as before: in other parts the runtime computes other last digits
            for node, found in _solved(level, missing, kept, basis.floats, pruned, heads, ridge):
                solved.add(node.name or "", found)
                basis.context.tick("solving layers anew", len(solved), len(forms))
            for node in level:
                _put(node, solved[node.name or ""])


def _solved(
    level: Sequence[ir.Node],
    missing: Mapping[str, LayerForm],
    kept: Mapping[str, Bools],
    floats: FloatSide,
    pruned: StagedRun,
    heads: Collection[str],
    ridge: float | None,
) -> Iterator[tuple[ir.Node, SolvedLayer]]:
    """The layers of one depth that are missing, solved one after another on one run over the images."""
    sums = dict[ir.Node, Halves]()
    for place, found in enumerate(pruned.inputs_of(level)):
        for node, array in zip(level, found, strict=True):
            name, form = node.name or "", missing.get(node.name or "")
            if form is None:
                continue
            positions = floats.positions(name, place)
            x, start = form.inputs(array, positions), rows_of(node, form)
            whole = floats.outputs(name, place)
            y = whole.reshape(-1, whole.shape[2])[kept[name]]
            groups = node.attributes.get_int("group", 1)
            y = form.targets(x, np.asarray(y.reshape(groups, -1, y.shape[1]), np.float32), start)
            if node not in sums:
                sums[node] = Halves(x, y, centred=OPS[node.op_type].bias_input is not None)
            sums[node].add(place, x, y, floats.weights(name, place, positions))
    for node in (node for node in level if node.name in missing):
        floats.forget(node.name or "")
        yield node, _layer(node, missing[node.name or ""], sums.pop(node), ridge, is_head=node.name in heads)


def _layer(node: ir.Node, form: LayerForm, halves: Halves, ridge: float | None, *, is_head: bool) -> SolvedLayer:
    start = np.asarray(rows_of(node, form), np.float64)
    moments = halves.whole()
    rows = np.asarray(start, np.float32)
    before = float(moments.error(rows).mean())
    variance = max(float(moments.yy.mean()), 1e-30)
    if before > UNTOUCHED * variance:
        rows, _ = moments.solved(start, halves.best_ridge(start) if ridge is None else ridge)
        rows = moments.unshrunk(rows) if is_head else rows
    return SolvedLayer(
        weight=np.asarray(form.weight(rows), np.float32),
        bias=form.whole_bias(moments.bias(rows)) if moments.centred else None,
        error=float(moments.error(rows).mean()) / variance,
        error_before=before / variance,
    )


def _put(node: ir.Node, solved: SolvedLayer) -> None:
    replace_weight(node, solved.weight)
    if solved.bias is not None:
        old = constant(bias_of(node))
        replace_bias(node, solved.bias if old is None else solved.bias.reshape(old.shape))
