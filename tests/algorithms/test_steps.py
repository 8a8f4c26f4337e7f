"""Steps in the order of their stages, and what each of them must keep."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import onnx_ir as ir
import pytest

from detquant.algorithms import BrokenStep, build_steps, take_steps
from detquant.algorithms.bias_correction import BiasCorrection
from detquant.algorithms.replan import choices_so_far, keep_more_float, with_choices
from detquant.calibration import invariant_violation, weight_limits
from detquant.errors import DetquantError, RecipeError
from detquant.graph.traits import bias_of, weight_of
from detquant.graph.values import constant
from detquant.graph.weights import replace_bias, replace_weight
from detquant.numerics import QType, dequantize, quantize
from detquant.recipes import Stage, Step, load_recipe


def recipe_of(*names):
    return replace(load_recipe("w8a8"), name="mine", steps=tuple(map(Step, names)))


@pytest.fixture
def setting(small_net, images, calibrated):
    return calibrated(small_net, images(4))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounding:
    """Rounds all weights to nearest, as a careless algorithm would; ``keeps``: within the limits of the target."""

    name: ClassVar[str] = "rounding"
    stage: ClassVar[Stage] = Stage.WEIGHTS

    keeps: bool = False
    factor: float = 1.0

    def __call__(self, qm, context):
        limits, model = weight_limits(qm, context.target.capability), qm.model.clone()
        for node in model.graph:
            if node.name in qm.weights:
                grid = qm.weights[node.name]
                exact = self.factor * constant(weight_of(qm.reference.graph.node(node.name)))
                codes = quantize(exact, grid)
                codes = limits[node.name].project(codes) if self.keeps else codes
                replace_weight(node, dequantize(codes, grid))
        return replace(qm, model=model)


def test_built_in_steps_come_by_stage():
    assert [step.name for step in build_steps(load_recipe("w8a8"))] == [
        "guard",
        "ranges",
        "placement",
        "bias_correction",
    ]
    assert [step.stage for step in build_steps(recipe_of("equalization", "ranges", "guard"))] == [
        Stage.GRAPH,
        Stage.CHOICES,
        Stage.CHOICES,
    ]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (
            ["bias_correction", "guard"],
            "Recipe 'mine' has the step 'guard' (choices) after 'bias_correction' (biases), whose work it would undo: "
            "give its steps in the order guard, bias_correction.",
        ),
        (
            ["guard", "bias_correction", "placement", "equalization"],
            "the step 'placement' (choices) after 'bias_correction' (biases), whose work it would undo: give its steps "
            "in the order equalization, guard, placement, bias_correction.",
        ),
        (
            ["ranges", "refit", "sparsify", "bias_correction"],
            "Recipe 'mine' has the step 'sparsify' after 'refit', whose work it would undo: give its steps in the "
            "order ranges, sparsify, refit, bias_correction.",
        ),
        (["cluster", "sparsify"], "in the order sparsify, cluster."),
        (["refit", "cluster"], "the step 'cluster' after 'refit': it solves the same layers anew itself"),
    ],
)
def test_a_step_that_would_undo_another_is_refused(names, words):
    with pytest.raises(RecipeError) as error:
        build_steps(recipe_of(*names))
    assert words in str(error.value)


@pytest.mark.parametrize("learning", ["adaround", "blocks", "finetune"])
def test_what_solves_anew_stands_before_what_learns(learning):
    pytest.importorskip("torch", reason="the extra torch is not installed")
    for solving in ("refit", "cluster"):
        with pytest.raises(RecipeError, match=rf"the step '{solving}' after '{learning}', whose work it would undo"):
            build_steps(recipe_of("refit", learning, solving))
    assert len(build_steps(recipe_of("sparsify", "refit", learning, "finetune", "blocks", "adaround"))) == 6
    assert len(build_steps(recipe_of("sparsify", "cluster", "refit", "finetune", "finetune"))) == 5


def test_notes_of_what_is_undone_are_no_more(setting):
    qm, context = setting
    corrected = BiasCorrection()(qm, context)
    assert [note.step for note in corrected.notes] == ["bias_correction"]
    assert keep_more_float(corrected, {"second": "why"}, context).notes == ()
    told = qm.noted(type("Guard", (), {"name": "guard", "stage": Stage.CHOICES}), "one", operators=["x"])
    assert keep_more_float(told, {"second": "why"}, context).notes == told.notes


def test_planning_again_takes_nothing_over_from_later_stages(setting):
    qm, context = setting
    coarse = {name: replace(grid, scale=2 * grid.scale) for name, grid in qm.params.items()}
    changed = BiasCorrection()(Rounding(factor=0.5)(replace(qm, params=coarse), context), context)
    again, expected = (keep_more_float(one, {"second": "why"}, context) for one in (changed, qm))
    assert ir.to_proto(again.qdq()).SerializeToString() == ir.to_proto(expected.qdq()).SerializeToString()
    assert again.weights["third"] is qm.weights["third"]  # and what calibration found is not looked for again


def test_careless_rounding_overflows_pairs_and_is_named(setting):
    qm, context = setting
    careless = Rounding(factor=1.3)
    before = invariant_violation(qm, context.target.capability)
    with pytest.raises(BrokenStep, match=r"The step 'rounding' breaks the model for ort: .*pairs .* overflow") as error:
        take_steps(qm, [careless], context)
    assert before is None and not isinstance(error.value, DetquantError)
    kept = take_steps(qm, [replace(careless, keeps=True), BiasCorrection()], context)
    assert [note.step for note in kept.notes] == ["bias_correction"]


def test_where_no_pair_saturates_any_codes_will_do(setting):
    qm, context = setting
    facts = replace(context.target.capability, pair_saturation=False)
    place = type("Place", (), {"name": "place", "capability": facts})
    assert take_steps(qm, [Rounding(factor=1.3)], replace(context, target=place))


@dataclass(frozen=True, slots=True, kw_only=True)
class Careless:
    """Does one thing wrong to the layer "second"."""

    name: ClassVar[str] = "careless"
    stage: ClassVar[Stage] = Stage.WEIGHTS

    what: str

    def __call__(self, qm, context):
        grid, model = qm.weights["second"], qm.model.clone()
        node = model.graph.node("second")
        weight = constant(weight_of(node)).copy()
        if self.what == "unrounded":
            replace_weight(node, weight + 0.3 * grid.scale.max())
        if self.what == "not finite":
            weight.flat[0] = np.nan
            replace_weight(node, weight)
        if self.what == "bias":
            replace_bias(node, np.full_like(constant(bias_of(node)), 1e9))
        params = dict(qm.params)
        if self.what == "activation":
            params["c3"] = replace(params["c3"], scale=np.float32(0))
        if self.what == "width of an activation":
            params["c3"] = replace(params["c3"], qtype=QType(4, signed=False))
        grids = {name: one for name, one in qm.weights.items() if name != "second" or self.what != "no grid"}
        if self.what == "width":
            grids["second"] = replace(grid, qtype=QType(4))
        return replace(qm, model=model, params=params, weights=grids)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("activation", "'c3' has a grid whose step is 0.0"),
        ("width of an activation", "'c3' has a grid of uint4, and uint8 was planned"),
        ("unrounded", "of the layer 'second', 64 of 64 numbers of the weight are not rounded to its grid"),
        ("not finite", "of the layer 'second', the weight is not finite"),
        ("bias", "of the layer 'second', the bias of output channel 0 does not fit 32 bits at this scale"),
        ("no grid", "of the layer 'second', the weight has no grid"),
        ("width", "of the layer 'second', the weight is int4, and int8 was planned"),
    ],
)
def test_what_no_step_may_leave(setting, what, words):
    qm, context = setting
    with pytest.raises(BrokenStep) as error:
        take_steps(qm, [Careless(what=what)], context)
    assert words in str(error.value)


@pytest.mark.parametrize("bits", range(2, 9))
def test_a_width_that_was_chosen_reaches_the_grid_and_the_codes(setting, bits):
    qm, context = setting
    wish = choices_so_far(qm, ["second"], context)["second"]
    narrow = replace(wish, weight=replace(wish.weight, qtype=QType(bits)), why=f"{bits} bits will do")
    found = take_steps(with_choices(qm, {"second": narrow}, context), [BiasCorrection()], context)
    grid, weight = found.weights["second"], constant(weight_of(found.model.graph.node("second")))
    codes = np.rint(weight / grid.scale.reshape(-1, 1, 1, 1))
    assert grid.qtype == QType(bits) and found.choices["second"].why == f"{bits} bits will do"
    assert codes.min() >= -(2 ** (bits - 1)) and codes.max() <= 2 ** (bits - 1) - 1
    assert codes.max() - codes.min() >= 2 ** (bits - 1)  # most of the grid is of use
    assert {name: one.qtype.bits for name, one in found.weights.items() if name != "second"} == dict.fromkeys(
        set(found.weights) - {"second"}, 8
    )
