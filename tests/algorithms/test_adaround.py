"""AdaRound lowers the error that rounding leaves, within the limits of the target, the same way each time."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import output_error
import pytest
from output_error import error

from detquant.algorithms import build_algorithm, take_steps
from detquant.calibration import Images, weight_limits
from detquant.data import iter_images, open_dataset
from detquant.errors import CalibrationError, MissingExtra, RecipeError, UnsupportedOperator
from detquant.graph import prepare
from detquant.graph.traits import bias_of, weight_of
from detquant.graph.values import constant
from detquant.graph.weights import replace_weight
from detquant.numerics import dequantize, quantize
from detquant.pipeline.detector import load

pytest.importorskip("torch", reason="the extra torch is not installed")
import torch

from detquant.algorithms.adaround import AdaRound
from detquant.algorithms.reconstruction import walk

pytestmark = pytest.mark.usefixtures("one_thread")
FEW = {"images": 12, "iterations": 100, "batch": 512, "lr": 0.05}
drawn = partial(output_error.drawn, shape=(1, 3, 16, 16))


def codes_of(qm):
    nodes = {node.name: node for node in qm.model.graph}
    return {name: quantize(constant(weight_of(nodes[name])), grid) for name, grid in qm.weights.items()}


def biases_of(qm):
    return {node.name: constant(bias_of(node)) for node in qm.model.graph if node.name in qm.weights}


def same(one, other):
    return all(np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("target", "weight", "activation", "left"),
    [
        ("pytorch", 4, 8, 0.9),
        ("pytorch", 3, 8, 0.9),
        ("pytorch", 4, 4, 0.95),  # most of it is that of the activations
        ("ort", 4, 8, 0.9),
        ("openvino", 4, 8, 0.9),
        ("tflite", 4, 8, 0.9),
    ],
)
def test_the_error_is_less_than_that_of_rounding_to_the_nearest(small_net, narrow, target, weight, activation, left):
    qm, context = narrow(small_net, drawn(24), weight, activation, target)
    found = take_steps(qm, [AdaRound(**FEW)], context)
    fresh = drawn(20, seed=5)
    assert error(found, fresh) < left * error(qm, fresh)
    assert not same(codes_of(found), codes_of(qm))
    assert same(codes_of(qm), codes_of(qm.calibrated))  # the model that was given is as it was


def test_every_kind_of_layer_is_rounded_anew(every_layer, narrow):
    qm, context = narrow(every_layer, drawn(24), 4, 8, "tensorrt")
    assert set(qm.weights) == {"plain", "deep", "grouped", "spread", "last", "gemm", "matmul"}
    found = take_steps(qm, [AdaRound(**FEW)], context)
    before, after = codes_of(qm), codes_of(found)
    moved = [name for name in before if not np.array_equal(before[name], after[name])]
    assert len(moved) >= 5
    assert error(found, drawn(20, seed=5)) < 0.9 * error(qm, drawn(20, seed=5))


def test_from_the_nearest_codes_it_goes_up_or_down(small_net, narrow):
    qm, context = narrow(small_net, drawn(12))
    found = take_steps(qm, [AdaRound(**FEW)], context)
    for name, codes in codes_of(found).items():
        scale, _ = qm.weights[name].spread(codes.ndim)
        wished = constant(weight_of(qm.reference.graph.node(name))) / scale
        inside = (wished > qm.weights[name].qtype.qmin) & (wished < qm.weights[name].qtype.qmax)
        assert np.abs(codes - wished)[inside].max() <= 1.0001


def shifted(qm):
    """The model as a step might leave it that rounds other weights than the float ones."""
    model, rng = qm.model.clone(), np.random.default_rng(4)
    for name, codes in codes_of(qm).items():
        grid = qm.weights[name]
        moved = np.clip(codes + rng.integers(-2, 3, codes.shape), grid.qtype.qmin, grid.qtype.qmax)
        replace_weight(model.graph.node(name), dequantize(moved, grid))
    return replace(qm, model=model)


def test_from_codes_that_a_step_has_moved_each_goes_a_step_at_most(small_net, narrow):
    qm, context = narrow(small_net, drawn(12))
    start = shifted(qm)
    found = take_steps(start, [AdaRound(**FEW)], context)
    before, after = codes_of(start), codes_of(found)
    steps = np.concatenate([(after[name] - before[name]).ravel() for name in before])
    assert set(np.unique(steps)) == {-1, 0, 1}
    assert error(found, drawn(20, seed=5)) < 0.9 * error(start, drawn(20, seed=5))


@pytest.mark.parametrize("weight", [8, 4])
def test_weights_keep_the_limits_of_kernels_that_add_in_pairs(small_net, narrow, weight):
    bright = [{"x": 0.9 + 0.1 * feed["x"]} for feed in drawn(12)]
    qm, context = narrow(small_net, bright, weight, 8, "ort")
    limits = weight_limits(qm, context.target.capability)
    assert any(limit.seen is not None for limit in limits.values()) == (weight == 8)
    found = take_steps(qm, [AdaRound(**FEW)], context)  # which looks at limits and grids
    assert not same(biases_of(found), biases_of(qm))


def test_the_bias_of_a_nearly_dead_channel_keeps_to_32_bits(build, narrow):
    rng = np.random.default_rng(1)
    weights = {"w": rng.normal(0, 0.3, (4, 3, 1, 1)).astype(np.float32), "b": np.array([0, 0.5, 40, 0], np.float32)}
    weights["w"][2] *= 1e-9
    rows = [("Conv", ["x", "w", "b"], ["y"], {"name": "one"})]
    qm, context = narrow(prepare(build(rows, {"x": [1, 3, 8, 8]}, {"y": None}, weights)), drawn(8, shape=(1, 3, 8, 8)))
    found = take_steps(qm, [AdaRound(images=8, iterations=60, lr=5.0)], context)  # which looks at the limits
    assert np.isfinite(biases_of(found)["one"]).all()


def test_the_same_seed_gives_the_same_numbers_and_another_one_others(small_net, narrow):
    qm, context = narrow(small_net, drawn(12))
    few = {**FEW, "iterations": 30}
    first, again = (AdaRound(**few)(qm, context) for _ in range(2))
    assert same(codes_of(first), codes_of(again)) and same(biases_of(first), biases_of(again))
    assert first.notes == again.notes
    other = AdaRound(**few, seed=1)(qm, context)
    assert not same(biases_of(first), biases_of(other))


def test_torch_is_left_as_it_was(small_net, narrow):
    qm, context = narrow(small_net, drawn(8), threads=1)
    state = torch.get_rng_state()
    AdaRound(images=8, iterations=1)(qm, context)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.are_deterministic_algorithms_enabled()


def test_biases_stay_where_they_are_not_to_be_learnt(small_net, narrow):
    qm, context = narrow(small_net, drawn(12))
    found = AdaRound(**{**FEW, "iterations": 30}, biases=False)(qm, context)
    assert same(biases_of(found), biases_of(qm)) and not same(codes_of(found), codes_of(qm))


def test_what_is_no_better_is_not_taken(small_net, narrow, monkeypatch):
    """The numbers of a unit go where the images held back say so."""
    qm, context = narrow(small_net, drawn(12))

    def worse(learner, *_):
        start = learner.start
        return replace(start, codes={name: -codes for name, codes in start.codes.items()})

    monkeypatch.setattr(walk, "learn", worse)
    found = take_steps(qm, [AdaRound(**FEW)], context)
    assert same(codes_of(found), codes_of(qm)) and same(biases_of(found), biases_of(qm))
    [note] = found.notes
    assert note.operators == () and note.sentence.startswith("adaround: 0 of 4 layers rounded anew, in 0 of 4 units")


def test_the_note_says_what_was_done_and_what_it_took(small_net, narrow):
    qm, context = narrow(small_net, drawn(12))
    seen = []
    context = replace(context, progress=lambda *told: seen.append(told))
    [note] = AdaRound(**FEW)(qm, context).notes
    assert set(note.operators) <= set(qm.weights) and len(note.operators) >= 3
    assert "12 images, whose tensors took up to" in note.sentence
    assert {what for what, _, _ in seen} == {"adaround: learning to round"}
    assert all(a[1] <= b[1] for a, b in pairwise(seen)) and seen[-1][1:] == (400, 400)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"iterations": 0}, r"iterations = 0, expected a whole number of at least 1"),
        ({"lr": 0}, r"lr = 0, expected a number above 0"),
        ({"regularisation": -1.0}, r"expected a number of at least 0"),
        ({"warmup": 1.5}, r"warmup = 1\.5, expected a number of at least 0 and of at most 1"),
        ({"seed": -1}, r"seed = -1, expected a whole number of at least 0"),
        ({"biases": 1}, r"biases = 1, expected true or false"),
        ({"iteration": 10}, r"did you mean 'iterations'"),
        ({"drop": 0.5}, r"Unknown option 'drop'"),
    ],
)
def test_options_are_checked(options, said):
    with pytest.raises(RecipeError, match=rf"Step 'adaround': .*{said}"):
        build_algorithm("adaround", options)


@pytest.mark.parametrize(("given", "images", "said"), [(5, 64, "5 calibration images"), (12, 4, "images = 4")])
def test_too_few_images_are_refused(small_net, narrow, given, images, said):
    qm, context = narrow(small_net, drawn(given))
    with pytest.raises(CalibrationError, match=rf"'adaround' was given {said}, and needs 8 at least"):
        AdaRound(images=images)(qm, context)


def test_a_number_that_is_not_finite_is_named_with_its_image(small_net, narrow):
    feeds = drawn(8)
    qm, context = narrow(small_net, feeds)
    feeds[4]["x"][0, 1, 3, 3] = np.nan
    with pytest.raises(CalibrationError, match=r"'x' is not finite on calibration image 5 "):
        AdaRound(images=8)(qm, replace(context, images=Images.of(feeds)))


def test_an_overflow_within_is_named_too(build, narrow):
    weights = {"w": np.full((4, 3, 1, 1), 1.0, np.float32), "v": np.full((2, 4, 1, 1), 1.0, np.float32)}
    rows = [
        ("Conv", ["x", "w"], ["c"], {"name": "one"}),
        ("Exp", ["c"], ["e"], {"name": "exp"}),
        ("Conv", ["e", "v"], ["y"], {"name": "two"}),
    ]
    model = prepare(build(rows, {"x": [1, 3, 8, 8]}, {"y": None}, weights))
    feeds = drawn(8, shape=(1, 3, 8, 8))
    qm, context = narrow(model, feeds)
    feeds[2]["x"][...] = 40.0
    with pytest.raises(CalibrationError, match=r"'e' is not finite on calibration image 3 "):
        AdaRound(images=8, iterations=1)(qm, replace(context, images=Images.of(feeds)))


def test_without_torch_it_is_refused_before_anything_is_done(monkeypatch):
    monkeypatch.setattr("detquant.algorithms.reconstruction.settings.find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"PyTorch is not installed: run  pip install 'detquant\[torch\]'"):
        build_algorithm("adaround", {})


def test_an_operator_without_a_counterpart_is_named(build, narrow):
    weights = {"w": np.ones((4, 3, 1, 1), np.float32), "v": np.ones((2, 4, 1, 1), np.float32)}
    rows = [
        ("Conv", ["x", "w"], ["c"], {"name": "one"}),
        ("Shrink", ["c"], ["s"], {"name": "odd"}),
        ("Conv", ["s", "v"], ["y"], {"name": "two"}),
    ]
    qm, context = narrow(prepare(build(rows, {"x": [1, 3, 8, 8]}, {"y": None}, weights)), drawn(8, shape=(1, 3, 8, 8)))
    with pytest.raises(
        UnsupportedOperator, match=r"'adaround' computes in PyTorch\. Shrink 'odd' .* leave the step out"
    ):
        AdaRound(images=8)(qm, context)


def test_a_model_without_codes_is_given_back(small_net, narrow):
    qm, context = narrow(small_net, drawn(8))
    bare = replace(qm, weights={}, plan=replace(qm.plan, weights={}, integer=()), params={})
    [note] = AdaRound(images=8)(replace(bare, plan=replace(bare.plan, points={})), context).notes
    assert note.sentence == "adaround: no layer has its weight in codes"


@pytest.mark.parametrize(
    ("model", "data"), [pytest.param("yolov8-pico", "scenes", marks=pytest.mark.slow), ("resnet-pico", "crops")]
)
def test_the_embedded_models_give_what_they_gave_in_float_more_nearly(narrow, model, data):
    detector = load(model)
    name = detector.family.input_name
    paths = open_dataset(data, 0).calibration[:16]
    feeds = [{name: detector.family.preprocess(image)[0]} for _, image in iter_images(paths, [])]
    qm, context = narrow(detector.model, feeds[:12], 3)
    found = take_steps(qm, [AdaRound(images=12, iterations=40, batch=256)], context)
    assert error(found, feeds[12:]) < 0.9 * error(qm, feeds[12:])
