from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx_ir as ir
import pytest

from detquant.algorithms import Context, build_algorithm
from detquant.algorithms.bias_correction import BiasCorrection
from detquant.calibration import Collector, Images, calibrate
from detquant.errors import RecipeError
from detquant.graph import prepare
from detquant.graph.running import OrtRunner
from detquant.graph.traits import bias_of, weight_of
from detquant.graph.values import constant
from detquant.graph.weights import replace_weight
from detquant.numerics import dequantize
from detquant.recipes import load_recipe, plan
from detquant.targets import load_target

SHAPE = (1, 4, 12, 12)


def said(qm):
    return tuple(note.sentence for note in qm.notes)


@pytest.fixture
def chain(build):
    """Three convolutions, the second in two groups and the third without a bias."""
    rng = np.random.default_rng(12)

    def weight(gives, takes):
        return rng.normal(0.05, 0.3, (gives, takes, 3, 3)).astype(np.float32)

    weights = {"w1": weight(8, 4), "w2": weight(8, 4), "w3": weight(6, 8)}
    weights |= {
        "b1": rng.normal(0, 0.2, 8).astype(np.float32),
        "b2": rng.normal(0, 0.2, 8).astype(np.float32),
    }
    rows = [
        ("Conv", ["x", "w1", "b1"], ["c1"], {"name": "one"}),
        ("Relu", ["c1"], ["r1"], {}),
        ("Conv", ["r1", "w2", "b2"], ["c2"], {"name": "two", "group": 2}),
        ("Relu", ["c2"], ["r2"], {}),
        ("Conv", ["r2", "w3"], ["y"], {"name": "three"}),
    ]
    return prepare(build(rows, {"x": [*SHAPE]}, {"y": None}, weights))


@pytest.fixture
def biased(chain, images):
    """The chain with weights that were all rounded down, and the context of its calibration."""
    capability = load_target("ort").capability
    recipe, table = replace(load_recipe("w8a8"), head="int"), images(8, SHAPE)
    points = plan(chain, recipe, capability)
    collector = Collector(model=chain, plan=points, by_channel=("x", "r1", "r2"))
    statistics = collector.collect(lambda positions: (table[k] for k in positions), len(table))
    qm = calibrate(chain, points, statistics, capability)
    for name, grid in qm.weights.items():
        exact = constant(weight_of(chain.graph.node(name)))
        codes = np.clip(np.floor(exact / grid.scale.reshape(-1, 1, 1, 1)), -128, 127).astype(np.int64)
        replace_weight(qm.model.graph.node(name), dequantize(codes, grid))
    context = Context(target=load_target("ort"), recipe=recipe, images=Images.of(table))
    return qm, context


def mean_error(qm, feeds):
    """Largest mean error of an output channel."""
    exact, rounded = OrtRunner(qm.reference), OrtRunner(qm.qdq(), optimisation="none")
    errors = [rounded.run(feed)["y"] - exact.run(feed)["y"] for feed in feeds]
    return float(np.abs(np.mean(errors, axis=(0, 1, 3, 4))).max())


@pytest.mark.parametrize(("mode", "share"), [("fast", 0.2), ("full", 0.02)])
def test_the_mean_error_shrinks(biased, mode, share):
    qm, context = biased
    corrected = BiasCorrection(mode=mode)(qm, context)
    before, after = mean_error(qm, context.images), mean_error(corrected, context.images)
    assert before > 0.05 and after < share * before
    assert said(corrected) == (f"bias correction ({mode}): 3 operators",)
    assert set(corrected.notes[0].operators) == {"one", "two", "three"}


@pytest.mark.parametrize("mode", ["fast", "full"])
def test_the_model_given_is_not_changed(biased, mode):
    qm, context = biased
    before = [ir.to_proto(m).SerializeToString(deterministic=True) for m in (qm.model, qm.reference)]
    corrected = BiasCorrection(mode=mode)(qm, context)
    after = [ir.to_proto(m).SerializeToString(deterministic=True) for m in (qm.model, qm.reference)]
    assert after == before and qm.notes == ()
    assert corrected.params is qm.params and corrected.reference is qm.reference
    for name in ("one", "two"):
        old, new = (constant(bias_of(m.model.graph.node(name))) for m in (qm, corrected))
        assert np.abs(new - old).max() > 1e-3
    assert bias_of(qm.model.graph.node("three")) is None
    assert constant(bias_of(corrected.model.graph.node("three"))).shape == (6,)


def test_full_goes_layer_after_layer_and_tells(biased):
    qm, context = biased
    told = []
    BiasCorrection(mode="full")(qm, replace(context, progress=lambda *it: told.append(it)))
    assert told == [("bias correction", k, 3) for k in (1, 2, 3)]


def test_fast_leaves_what_calibration_has_no_means_of(biased):
    qm, context = biased
    sums = {name: one for name, one in qm.statistics.channel_sums.items() if name != "r1"}
    corrected = BiasCorrection()(replace(qm, statistics=replace(qm.statistics, channel_sums=sums)), context)
    assert said(corrected) == ("bias correction (fast): 2 operators",)


def test_an_unknown_mode_is_refused():
    with pytest.raises(RecipeError, match="Step 'bias_correction': mode = 'ful', expected 'fast' or 'full'"):
        build_algorithm("bias_correction", {"mode": "ful"})


def test_what_a_step_before_has_taken_out_is_not_taken_out_again(biased):
    qm, context = biased
    once = BiasCorrection()(qm, context)
    twice = BiasCorrection()(once, context)
    for node in once.model.graph:
        if bias_of(node) is not None:
            np.testing.assert_array_equal(constant(bias_of(twice.model.graph.node(node.name))), constant(bias_of(node)))
    assert "0 operators; 3 others keep the bias" in said(twice)[-1]
    full = BiasCorrection(mode="full")(once, context)
    assert mean_error(full, context.images) <= mean_error(once, context.images)
