"""Prune on nets made in memory: what says nothing goes first, the rest is solved anew, and all is calibrated again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import detquant
from detquant.algorithms import build_algorithm, take_steps
from detquant.algorithms.prune import Prune
from detquant.algorithms.replan import keep_more_float
from detquant.calibration import Images
from detquant.errors import CalibrationError, MissingExtra, RecipeError
from detquant.graph import prepare
from detquant.graph.channels import trace
from detquant.graph.running import OrtRunner, as_bytes
from detquant.graph.summary import summarize
from detquant.graph.taps import with_taps_only
from detquant.graph.traits import bias_of, weight_of
from detquant.graph.values import constant, static_shape, values_by_name
from detquant.graph.weights import replace_weight
from detquant.recipes import load_recipe

SHAPE = (1, 4, 12, 12)
FINE = {"multiple": 1, "least": 1}


def normal(*shape, seed=5):
    rng = np.random.default_rng([seed, *shape])
    return rng.normal(0, 1.4 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32)


@pytest.fixture
def net(build):
    """A residual block of 16 channels with a hidden layer of 24, of which the last eight repeat eight others."""
    hidden = np.concatenate([normal(16, 16, 1, 1), normal(16, 16, 1, 1)[:8]])
    weights = {
        "w1": normal(16, 4, 3, 3),
        "w2": hidden,
        "w3": normal(24, 1, 3, 3),
        "w4": normal(16, 24, 1, 1),
        "w5": normal(5, 16, 1, 1),
        "b1": normal(16, seed=2),
        "b5": normal(5, seed=3),
    }
    weights["w3"][16:] = weights["w3"][:8]
    rows = [
        ("Conv", ["x", "w1", "b1"], ["c1"], {"name": "stem", "pads": [1, 1, 1, 1]}),
        ("Relu", ["c1"], ["a1"], {}),
        ("Conv", ["a1", "w2"], ["c2"], {"name": "expand"}),
        ("Relu", ["c2"], ["a2"], {}),
        ("Conv", ["a2", "w3"], ["c3"], {"name": "deep", "group": 24, "pads": [1, 1, 1, 1]}),
        ("Relu", ["c3"], ["a3"], {}),
        ("Conv", ["a3", "w4"], ["c4"], {"name": "project"}),
        ("Add", ["c4", "a1"], ["a4"], {}),
        ("Conv", ["a4", "w5", "b5"], ["y"], {"name": "last"}),
    ]
    return prepare(build(rows, {"x": [*SHAPE]}, {"y": None}, weights))


@pytest.fixture
def begun(net, images, calibrated):
    return calibrated(net, images(8, SHAPE))


def outputs(model, feeds):
    runner = OrtRunner(model)
    return np.concatenate([runner.run(feed)["y"] for feed in feeds])


def made(model):
    return {node.name: static_shape(node.outputs[0])[1] for node in model.graph if weight_of(node) is not None}


def test_channels_that_repeat_others_go_first_and_are_not_missed(begun, images):
    qm, context = begun
    after = Prune(share=0.2, **FINE)(qm, context)
    assert made(after.reference) == {"stem": 16, "expand": 16, "deep": 16, "project": 16, "last": 5}
    feeds = images(8, SHAPE)
    np.testing.assert_allclose(outputs(after.reference, feeds), outputs(qm.reference, feeds), atol=2e-2)


def test_the_graph_given_is_not_changed_and_the_new_one_takes_its_place(begun):
    qm, context = begun
    before = as_bytes(qm.reference)
    after = take_steps(qm, [build_algorithm("prune", {"share": 0.5, "multiple": 2, "least": 2})], context)
    assert as_bytes(qm.reference) == before
    was, now = summarize(qm.reference.graph), summarize(after.reference.graph)
    assert 0.48 <= 1 - now.macs / was.macs <= 0.52
    assert static_shape(after.reference.graph.outputs[0]) == static_shape(qm.reference.graph.outputs[0])
    for name, grid in after.weights.items():
        node = next(node for node in after.model.graph if node.name == name)
        assert grid.scale.size in (1, made(after.reference)[name])
        assert constant(weight_of(node)).shape == constant(weight_of(_named(after.reference, name))).shape
    assert after.statistics is not qm.statistics
    names = values_by_name(after.reference.graph)
    for name, sums in after.statistics.channel_sums.items():
        assert len(sums) == static_shape(names[name])[1]
    OrtRunner(after.qdq())


def _named(model, name):
    return next(node for node in model.graph if node.name == name)


def test_what_is_left_comes_nearer_to_the_float_outputs_than_as_it_was(begun, images):
    qm, context = begun
    solved = Prune(share=0.5, **FINE)(qm, context)
    held = Prune(share=0.5, ridge=1e6, **FINE)(qm, context)
    assert made(solved.reference) == made(held.reference)
    feeds = images(20, SHAPE)[8:]
    wanted = outputs(qm.reference, feeds)
    far, near = (np.square(outputs(one.reference, feeds) - wanted).mean() for one in (held, solved))
    assert near < 0.7 * far


def test_the_note_says_what_has_gone(begun):
    qm, context = begun
    after = Prune(share=0.4, **FINE)(qm, context)
    [note] = [one for one in after.notes if one.step == "prune"]
    was, now = summarize(qm.reference.graph), summarize(after.reference.graph)
    assert f"({was.macs:,} -> {now.macs:,})" in note.sentence
    for name, count in made(after.reference).items():
        before = made(qm.reference)[name]
        assert (f"{name} {before} -> {count}" in note.sentence) == (count < before) == (name in note.operators)


def test_channels_that_are_left_are_a_multiple(begun):
    qm, context = begun
    after = Prune(share=0.4, multiple=8, least=8)(qm, context)
    assert made(after.reference)["expand"] in (8, 16, 24) and made(after.reference)["stem"] in (8, 16)


def test_what_cannot_be_reached_is_said(begun):
    qm, context = begun
    after = Prune(share=0.9, multiple=8, least=8)(qm, context)
    assert made(after.reference) == {"stem": 8, "expand": 8, "deep": 8, "project": 8, "last": 5}
    [note] = after.notes
    assert "90.0% were asked for, and nothing comes nearer" in note.sentence and "keep 8 at least" in note.sentence


def test_magnitudes_choose_the_smallest_weights(net, images, calibrated):
    for name in ("expand", "deep"):
        weight = np.array(constant(weight_of(_named(net, name))))
        weight[3:7] *= 1e-3
        replace_weight(_named(net, name), weight)
    deep = weight
    qm, context = calibrated(net, images(8, SHAPE))
    after = Prune(share=0.1, criterion="l1", ridge=1e9, **FINE)(qm, context)
    left = np.asarray(constant(weight_of(_named(after.reference, "deep"))))
    np.testing.assert_allclose(left, np.delete(deep, range(3, 7), axis=0), rtol=1e-3, atol=1e-5)


def test_gradients_say_what_the_heads_lose(begun, images):
    pytest.importorskip("torch", reason="the extra torch is not installed")
    from detquant.algorithms.prune.taylor import taylor_costs

    qm, context = begun
    channels, feeds = trace(qm.reference.graph), images(8, SHAPE)
    costs = taylor_costs(qm.reference, channels, context.images, context, seed=0)
    whole = outputs(qm.reference, feeds)
    lost = dict[int, float]()
    for place, root in enumerate(channels.roots(channels.layers["expand"].makes).tolist()):
        bare = qm.reference.clone()  # behind it all is linear or a ReLU of one channel: without it is what it says
        weight = np.array(constant(weight_of(_named(bare, "expand"))))
        weight[place] = 0
        replace_weight(_named(bare, "expand"), weight)
        lost[root] = float(np.square(outputs(bare, feeds) - whole).mean() / whole.var())
    ours, wanted = np.array([costs[root] for root in lost]), np.array(list(lost.values()))
    assert ours.sum() == pytest.approx(wanted.sum(), rel=0.3)
    assert np.corrcoef(ours, wanted)[0, 1] > 0.8
    after = Prune(share=0.15, criterion="taylor", ridge=1e9, **FINE)(qm, context)
    assert made(after.reference)["expand"] < 24


def test_gradients_need_torch(monkeypatch):
    monkeypatch.setattr("detquant.algorithms.reconstruction.settings.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="PyTorch is not installed"):
        build_algorithm("prune", {"criterion": "taylor"})


def test_training_afterwards_comes_near_to_the_network_that_was_given(net, calibrated, images, one_thread):
    pytest.importorskip("torch", reason="the extra torch is not installed")
    qm, context = calibrated(net, images(24, SHAPE))
    pruned = take_steps(qm, [build_algorithm("prune", {"share": 0.4, "multiple": 2, "least": 2})], context)
    assert pruned.original.model is qm.reference
    twice = take_steps(pruned, [build_algorithm("prune", {"share": 0.2, **FINE})], context)
    assert twice.original.model is qm.reference
    for name, left in twice.original.left.items():
        shapes = [static_shape(values_by_name(model.graph)[name]) for model in (twice.reference, qm.reference)]
        assert len(left.places) == shapes[0][left.axis] and left.places.max() < shapes[1][left.axis]
    assert keep_more_float(pruned, {"last": "x"}, context).original is pruned.original
    start = take_steps(pruned, [build_algorithm("refit", {})], context)
    found = take_steps(start, [build_algorithm("finetune", {"steps": 120})], context)
    feeds = images(36, SHAPE)[24:]
    wanted = outputs(qm.reference, feeds)
    far, near = (np.square(outputs(one.qdq(), feeds) - wanted).mean() for one in (start, found))
    assert near < 0.97 * far


def test_what_both_networks_have_is_compared_channel_by_channel(begun, images, one_thread):
    torch = pytest.importorskip("torch", reason="the extra torch is not installed")
    from detquant.algorithms.finetune.network import network_of

    qm, context = begun
    pruned = Prune(share=0.2, **FINE)(qm, context)  # what goes repeats others, so that the rest is as it was
    [feed] = images(1, SHAPE)
    for model in (pruned, take_steps(pruned, [build_algorithm("equalization", {})], context)):
        network = network_of(model, "finetune", "cpu")
        values, _ = network.exact(torch.from_numpy(feed["x"]))
        names = {node: network.twin.names[node] for node in network.shown}
        assert {"c2", "a2", "c3", "a3"} <= set(names.values())
        found = OrtRunner(with_taps_only(model.reference, dict.fromkeys(names.values()))).run(feed)
        for node, name in names.items():
            np.testing.assert_allclose(values[node].numpy(), found[name], atol=0.02)


def test_the_same_inputs_make_the_same_bytes(begun):
    qm, context = begun
    one, other = (Prune(share=0.3, **FINE)(qm, context) for _ in range(2))
    assert as_bytes(one.reference) == as_bytes(other.reference)
    assert as_bytes(one.qdq()) == as_bytes(other.qdq())


class Interrupted(Exception):
    pass


def test_an_interrupted_run_goes_on_where_it_was_and_makes_the_same_bytes(begun, tmp_path, monkeypatch):
    qm, context = begun
    step = Prune(share=0.3, **FINE)
    whole = step(qm, context)
    monkeypatch.setattr("detquant.algorithms.checkpoint.EVERY_S", 0.0)
    told: list[tuple[str, int]] = []

    def stop(what, done, total):
        if what == "solving layers anew" and done == 3:
            raise Interrupted

    def listen(what, done, total):
        told.append((what, done))

    kept = replace(context, store=tmp_path / "work")
    with pytest.raises(Interrupted):
        step(qm, replace(kept, progress=stop))
    again = step(qm, replace(kept, progress=listen))
    assert ("looking at channels", 1) not in told and ("solving layers anew", 1) not in told
    assert ("solving layers anew", 4) in told
    assert as_bytes(again.qdq()) == as_bytes(whole.qdq())
    told.clear()
    assert as_bytes(step(qm, replace(kept, progress=listen)).qdq()) == as_bytes(whole.qdq())
    assert not any(what in ("solving layers anew", "running the float network") for what, _ in told)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"share": 0.0}, "share = 0.0, expected a number above 0 and of at most 0.9"),
        ({"share": 1.5}, "share = 1.5, expected a number above 0 and of at most 0.9"),
        ({"share": "a third"}, "share = 'a third', expected a number"),
        ({"criterion": "l2"}, "criterion = 'l2', expected 'next_layer' or 'taylor' or 'l1'"),
        ({"multiple": 0}, "multiple = 0, expected a whole number of at least 1"),
    ],
)
def test_options_out_of_range_are_refused(options, said):
    with pytest.raises(RecipeError, match=said):
        build_algorithm("prune", options)


def test_too_few_images_are_refused(begun, images):
    qm, context = begun
    with pytest.raises(CalibrationError, match="has 3 calibration images, and solves layers on 4 at least"):
        Prune()(qm, replace(context, images=Images.of(images(3, SHAPE))))


def test_where_no_channel_can_go_it_is_said(begun):
    qm, context = begun
    with pytest.raises(RecipeError, match=r"can remove no channel .* have at most 24 channels that may go"):
        Prune(least=24)(qm, context)


def test_a_net_of_heads_alone_is_refused(build, images, calibrated):
    rows = [("Conv", ["x", "w"], ["y"], {"name": "head"})]
    model = prepare(build(rows, {"x": [*SHAPE]}, {"y": None}, {"w": normal(5, 4, 1, 1)}))
    qm, context = calibrated(model, images(8, SHAPE))
    with pytest.raises(RecipeError, match="all of them are read as a whole"):
        Prune(**FINE)(qm, context)


def test_a_bias_takes_the_mean_of_what_has_gone(begun, images):
    qm, context = begun
    after = Prune(share=0.5, **FINE)(qm, context)
    assert bias_of(_named(qm.reference, "project")) is None and bias_of(_named(after.reference, "project")) is not None
    feeds = images(8, SHAPE)
    means = [outputs(one, feeds).mean(axis=(0, 2, 3)) for one in (qm.reference, after.reference)]
    np.testing.assert_allclose(means[1], means[0], atol=1e-3)


@pytest.mark.parametrize(
    ("model", "data"),
    [("resnet-pico", "crops"), pytest.param("yolov8-pico", "scenes", marks=pytest.mark.slow)],
)
def test_from_the_file_and_images_alone(model, data, tmp_path):
    recipe = load_recipe("prune30-w8a8")
    [step] = [step for step in recipe.steps if step.name == "prune"]
    alone = replace(recipe, steps=(replace(step, options={**step.options, "samples": 50, "ridge": 0.01}),))
    result = detquant.quantize(model, data, recipe=alone, calib=6, val_limit=2)
    row = result.report.subject
    [said] = [note.sentence for note in row.notes if note.step == "prune"]
    result.save(tmp_path)
    [file] = tmp_path.glob("**/*.onnx")
    was, now = (detquant.inspect(one)["macs"] for one in (model, file))
    assert f"-> {now:,})" in said and 0.28 <= 1 - now / was <= 0.32
    assert row.quantization.share.macs_percent > 85


@pytest.mark.slow
def test_the_recipe_keeps_most_of_what_a_classifier_knows():
    result = detquant.quantize("resnet-pico", "crops", recipe="prune30-w8a8", calib=64, val_limit=200)
    assert result.report.drop < 6
