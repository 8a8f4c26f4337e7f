"""Sparsify on nets made in memory: what outputs miss least goes, and no later step brings it back."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from output_error import drawn, error

from detquant.algorithms import build_algorithm, take_steps
from detquant.algorithms.layerwise.least_squares import Moments
from detquant.algorithms.sparsify.masks import two_of_four, unstructured
from detquant.algorithms.sparsify.saliency import saliency
from detquant.calibration import AllowedCodes
from detquant.errors import RecipeError
from detquant.graph.traits import weight_of
from detquant.graph.values import constant

INNER = ("one0", "two0", "one1", "two1")


def weights_of(qm):
    return {node.name: np.asarray(constant(weight_of(node))) for node in qm.model.graph if node.name in qm.weights}


def moments_of(x):
    """Of inputs ``[K, P]`` about their means."""
    xx = np.cov(x, bias=True)[None]
    none = np.zeros((1, 0))
    return Moments(x=x.mean(1)[None], y=none, xx=xx, yx=np.zeros((1, 0, len(x))), yy=none, centred=True)


def test_a_weight_is_worth_what_outputs_miss_when_the_others_are_solved_anew():
    rng = np.random.default_rng(2)
    x = (np.eye(5) + 0.3 * rng.normal(size=(5, 5))) @ rng.normal(size=(5, 4000))
    w, moments = rng.normal(size=(1, 3, 5)).astype(np.float32), moments_of(x)
    found = saliency("hessian", w, moments)
    y = w[0] @ (x - x.mean(1, keepdims=True))
    for k in range(5):
        others = np.delete(x - x.mean(1, keepdims=True), k, axis=0)
        missed = [row - np.linalg.lstsq(others.T, row, rcond=None)[0] @ others for row in y]
        np.testing.assert_allclose(found[0, :, k], np.square(missed).mean(1) / y.var(1).sum(), rtol=0.05)
    stay = saliency("wanda", w, moments)
    np.testing.assert_allclose(stay[0], np.square(w[0]) * x.var(1) / y.var(1).sum(), rtol=1e-4)
    assert (np.argsort(saliency("magnitude", w, moments)[0]) == np.argsort(np.abs(w[0]))).all()


def test_a_share_of_all_weights_goes_and_most_of_those_that_are_worth_least():
    rng = np.random.default_rng(4)
    losses = {"cheap": 0.01 * rng.random((8, 8)), "dear": rng.random((16, 8))}
    alike, at_once = (unstructured(losses, 0.5, spread) for spread in ("layer", "network"))
    assert all(mask.mean() == 0.5 for mask in alike.values())
    assert sum(mask.sum() for mask in at_once.values()) == 96
    assert at_once["cheap"].mean() == pytest.approx(0.05, abs=0.01) and at_once["dear"].mean() > 0.7
    for name, mask in at_once.items():
        assert losses[name][mask].min() > losses[name][~mask].max()
    assert all(mask.all() for mask in unstructured(losses, 0.002, "network").values())  # less than half a weight


@pytest.mark.parametrize("axis", [0, 1])
def test_two_of_four_neighbours_along_the_input_channels_stay(axis):
    loss = np.random.default_rng(1).random((8, 8, 3, 3))
    mask = two_of_four(loss, axis)
    fours, losses = (np.moveaxis(one, axis, -1).reshape(-1, 4) for one in (mask, loss))
    assert (fours.sum(1) == 2).all()
    assert (np.where(fours, losses, 1).min(1) > np.where(fours, 0, losses).max(1)).all()
    assert two_of_four(loss[:6] if axis == 0 else loss[:, :6], axis) is None


def test_no_later_step_brings_weights_back(residuals, narrow, one_thread):
    pytest.importorskip("torch", reason="the extra torch is not installed")
    qm, context = narrow(residuals, drawn(16), 4, 8)
    few = {"iterations": 10, "images": 8}
    steps = {
        "sparsify": {"share": 0.6},
        "refit": {},
        "adaround": few,
        "blocks": few,
        "finetune": {"steps": 8, "batch": 2, "lr": 0.05},
        "bias_correction": {"mode": "full"},
    }
    states = [qm]
    for name, given in steps.items():
        states.append(take_steps(states[-1], [build_algorithm(name, given)], context))
    masks = {name: one.mask for name, one in states[1].allowed.items()}
    assert set(masks) == set(INNER)
    gone = sum((~mask).sum() for mask in masks.values()) / sum(mask.size for mask in masks.values())
    assert gone == pytest.approx(0.6, abs=1e-3)
    for state in states[1:]:
        assert {name: one.mask for name, one in state.allowed.items()} == masks
        assert not any(weights_of(state)[name][~mask].any() for name, mask in masks.items())
        assert all(weights_of(state)[name][mask].any() for name, mask in masks.items())
    before, after = (weights_of(state) for state in states[1:3])
    assert all((before[name] != after[name]).any() for name in INNER)
    errors = [error(state, drawn(8, seed=5)) for state in states]
    assert errors[2] < 0.7 * errors[1]
    assert all(after < 1.1 * before for before, after in pairwise(errors[2:]))


def test_learning_computes_with_zeros(residuals, narrow):
    pytest.importorskip("torch", reason="the extra torch is not installed")
    import torch

    from detquant.algorithms.finetune.learnt_grids import WeightVariable
    from detquant.algorithms.reconstruction.rounding_variables import RoundingVariables
    from detquant.numerics import quantize

    qm, context = narrow(residuals, drawn(8), 4, 8)
    qm = build_algorithm("sparsify", {})(qm, context)
    weight, grid, mask = weights_of(qm)["one0"], qm.weights["one0"], qm.allowed["one0"].mask
    exact = next(np.asarray(constant(weight_of(n))) for n in qm.reference.graph if n.name == "one0")
    made = [
        WeightVariable(weight, grid, mask),
        *(RoundingVariables(quantize(weight, grid), grid, start, mask) for start in (None, exact)),
    ]
    for variable in made:
        for one in variable.parameters():
            one.data.add_(torch.randn(one.shape, generator=torch.Generator().manual_seed(1)))
        found = variable()
        found.square().sum().backward()
        moved = getattr(variable, "moved", None)
        grad = moved.grad if isinstance(moved, torch.nn.Parameter) else variable.variable.grad
        assert not found.detach().numpy()[~mask].any() and found.detach().numpy()[mask].any()
        assert not grad.numpy()[~mask].any()


def test_heads_the_image_and_depthwise_layers_stay_whole(every_layer, narrow):
    qm, context = narrow(every_layer, drawn(8, shape=(1, 3, 16, 16)), 4, 8)
    found = take_steps(qm, [build_algorithm("sparsify", {"spread": "layer"})], context)
    assert set(found.allowed) == qm.weights.keys() - {"plain", "deep", "matmul"} >= {"grouped", "last", "gemm"}
    pairs = take_steps(qm, [build_algorithm("sparsify", {"pattern": "2:4"})], context)
    assert set(pairs.allowed) == {"grouped"}
    assert "2 more layers stay whole, whose input channels are no multiple of four" in pairs.notes[-1].sentence
    both = take_steps(found, [build_algorithm("sparsify", {"pattern": "2:4"})], context)
    masks = [one.allowed["grouped"].mask for one in (found, pairs, both)]
    assert (masks[2] == (masks[0] & masks[1])).all() and both.allowed["gemm"].mask is found.allowed["gemm"].mask


def test_the_note_counts(residuals, narrow):
    qm, context = narrow(residuals, drawn(8), 4, 8)
    [note] = build_algorithm("sparsify", {"share": 0.25})(qm, context).notes
    whole = sum(weight.size for weight in weights_of(qm).values())
    assert note.sentence.startswith(
        f"sparsify (unstructured): 1,296 of the 5,184 weights of 4 layers are 0, {1296 / whole:.1%} of all that are in "
        f"codes, by 8 images; from "
    )
    assert "zeros take as long as other numbers" in note.sentence and set(note.operators) == set(INNER)


def test_what_makes_no_sense_is_refused(residuals, every_layer, narrow):
    with pytest.raises(RecipeError, match=r'share = 0\.3, and pattern = "2:4" makes two weights of four 0'):
        build_algorithm("sparsify", {"pattern": "2:4", "share": 0.3})
    qm, context = narrow(residuals, drawn(8), 4, 8)
    book = AllowedCodes(book=np.array([-3, 0, 3]))
    with pytest.raises(RecipeError, match="comes before codebooks are found, and 'two0' has one"):
        build_algorithm("sparsify", {})(replace(qm, allowed={"two0": book}), context)
    heads = replace(qm, weights={"head": qm.weights["head"], "stem": qm.weights["stem"]})
    with pytest.raises(RecipeError, match="can make no weight of this model 0: it has no layer with a weight in codes"):
        build_algorithm("sparsify", {})(heads, context)
