"""Cluster on nets made in memory: few codes a layer, kept by all that follows, stored as places where a target can."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from output_error import drawn, error

from detquant.algorithms import build_algorithm, build_steps, take_steps
from detquant.algorithms.cluster import Cluster
from detquant.calibration import AllowedCodes
from detquant.errors import RecipeError
from detquant.graph.four_bit_storage import has_four_bits
from detquant.graph.traits import weight_of
from detquant.graph.values import constant
from detquant.numerics import quantize
from detquant.pipeline.storage import said_of_storage
from detquant.recipes import Recipe, Step, load_recipe
from detquant.targets import load_target

INNER = {"one0", "two0", "one1", "two1"}
"""Layers of `residuals` that are neither the first nor a head."""
QUICK = {"samples": 20, "smallest_share": 0.0}


def codes_of(qm):
    """The different codes of each layer's weight."""
    nodes = {node.name: node for node in qm.model.graph}
    return {name: np.unique(quantize(constant(weight_of(nodes[name])), grid)) for name, grid in qm.weights.items()}


@pytest.fixture
def start(residuals, narrow):
    """start(target="ort"): the calibrated net at 8 bits, and its context."""
    return lambda target="ort", **more: narrow(residuals, drawn(12), 8, 8, target, **more)


@pytest.mark.parametrize("k", [2, 5, 16])
def test_layers_have_so_many_codes(start, k):
    qm, context = start()
    found = take_steps(qm, [Cluster(clusters=k, **QUICK)], context)  # which looks at limits and books
    codes = codes_of(found)
    assert set(found.allowed) == INNER and not qm.allowed
    for name in INNER:
        assert len(codes[name]) <= k and set(codes[name]) <= set(found.allowed[name].book)
    assert all(len(codes[name]) > 32 for name in set(codes) - INNER)
    note = found.notes[-1].sentence
    assert note.startswith(
        f"cluster: 4 layers of at most {k} different codes, 82.8% of the weights solved; 2 others keep"
    )
    assert note.endswith("4 layers have 0 and codes of one sign, and no weights of the other: give more clusters") == (
        k == 2
    )


def test_codes_that_are_few_already_are_left(residuals, narrow):
    qm, context = narrow(residuals, drawn(12), 3, 8, "pytorch")
    found = take_steps(qm, [Cluster(clusters=8, **QUICK)], context)
    assert not found.allowed and "no layer is drawn from fewer codes" in found.notes[-1].sentence


def test_outputs_are_nearer_to_float_than_on_a_grid_of_as_many_bits(start, residuals, narrow):
    fresh, few = drawn(20, seed=5), Cluster(clusters=8, keep=(), smallest_share=0)
    qm, context = start("pytorch")
    found = take_steps(qm, [few], context)
    even, its_context = narrow(residuals, drawn(12), 3, 8, "pytorch")
    refitted = take_steps(even, [build_algorithm("refit", {})], its_context)
    assert error(found, fresh) < 0.8 * error(refitted, fresh)


def test_places_and_small_layers_keep_all_codes(start):
    qm, context = start()
    assert set(Cluster(keep=(), **QUICK)(qm, context).allowed) == set(qm.weights)
    assert (
        set(Cluster(keep=("last",), smallest_share=0.2, samples=20)(qm, context).allowed) == INNER
    )  # stem and head are smallest
    narrow_type = Cluster(clusters=256, keep=(), **QUICK)(qm, context)
    assert not narrow_type.allowed and "no layer is drawn from fewer codes" in narrow_type.notes[-1].sentence


def test_a_head_with_much_of_the_weights_is_clustered_all_the_same(start, monkeypatch):
    monkeypatch.setattr("detquant.algorithms.cluster.step.MOST_KEPT", 0.1)  # it has 10.3 %, the first layer 6.9 %
    qm, context = start()
    assert set(Cluster(**QUICK)(qm, context).allowed) == {*INNER, "head"}


def test_a_mask_is_kept_and_needs_no_code_more(start):
    qm, context = start()
    rng = np.random.default_rng(0)
    masks = {name: AllowedCodes(mask=rng.random((12, 12, 3, 3)) < 0.5) for name in ("one0", "two1")}
    found = take_steps(replace(qm, allowed=masks), [Cluster(clusters=4, **QUICK)], context)
    codes = codes_of(found)
    for name, allowed in masks.items():
        assert found.allowed[name].mask is allowed.mask and 0 in codes[name] and len(codes[name]) <= 4


def test_an_interrupted_run_goes_on_with_the_same_result(start, tmp_path, monkeypatch):
    monkeypatch.setattr("detquant.algorithms.checkpoint.EVERY_S", 0.0)
    qm, context = start()
    step = Cluster(clusters=4, **QUICK)
    expected = step(qm, context)

    class Interrupted(Exception):
        pass

    def stop(what, done, total):
        if what == "solving layers anew" and done == 3:
            raise Interrupted

    with pytest.raises(Interrupted):
        step(qm, replace(context, store=tmp_path / "key", progress=stop))
    found = step(qm, replace(context, store=tmp_path / "key"))
    again = step(qm, replace(context, store=tmp_path / "key", progress=lambda *_: pytest.fail("all is done")))
    for one in (found, again):
        assert weights_of(one) == weights_of(expected)
        assert {n: a.book.tolist() for n, a in one.allowed.items()} == {
            n: a.book.tolist() for n, a in expected.allowed.items()
        }
    assert weights_of(replace(step, seed=1)(qm, context)) != weights_of(expected)


def weights_of(qm):
    return [constant(weight_of(n)).tobytes() for n in qm.model.graph if weight_of(n) is not None]


def test_every_step_behind_it_keeps_the_books(start):
    """Pruned, clustered, trained, solved again: codes are counted after each."""
    qm, context = start()
    steps = [("prune", {"share": 0.2, "multiple": 1, "least": 1, "samples": 20}), ("cluster", {"clusters": 5, **QUICK})]
    steps += [("finetune", {"steps": 6, "lr": 0.1, "step_lr": 0.02})] * bool(find_spec("torch"))
    steps += [("refit", {"samples": 20}), ("bias_correction", {"mode": "full"})]
    books = {}
    for name, options in steps:
        qm = take_steps(qm, [build_algorithm(name, options)], context)
        codes = codes_of(qm)
        if name == "cluster":
            books = qm.allowed
        if books:
            assert set(qm.allowed) == set(books) == INNER
            assert all(len(codes[layer]) <= 5 and set(codes[layer]) <= set(qm.allowed[layer].book) for layer in INNER)
    assert books


@pytest.mark.parametrize("later", ["adaround", "blocks", "cluster"])
def test_what_cannot_keep_books_is_refused(later):
    if later != "cluster":
        pytest.importorskip("torch", reason="the extra torch is not installed")
    recipe = Recipe(name="mine", rules=load_recipe("w8a8").rules, steps=(Step("cluster"), Step(later)))
    with pytest.raises(RecipeError, match=rf"'mine' has the step '{later}' after 'cluster': .*few codes"):
        build_steps(recipe)
    with pytest.raises(RecipeError, match=r"'lapq' \(grids\) after 'cluster' \(weights\), whose work it would undo"):
        build_steps(replace(recipe, steps=(Step("cluster"), Step("lapq"))))


def test_a_target_without_the_form_gets_plain_codes_and_says_so(start):
    qm, context = start()
    found = Cluster(**QUICK)(qm, context)
    for target, places in (("ort", True), ("ort-qoperator", False)):
        place = load_target(target)
        [content] = place.lower(found.qdq()).files.values()
        assert has_four_bits(ir.from_proto(onnx.load_from_string(content))) == places
        said = said_of_storage(found, place.capability)
        assert bool(said) != places and all("16 different codes a layer take 8 bits" in one for one in said)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"clusters": 1}, "clusters = 1, expected a whole number of at least 2 and of at most 256"),
        ({"keep": ["middle"]}, r"keep = \['middle'\], expected a list, each item 'first' or 'last' or 'head'"),
        ({"k": 16}, "no option 'k'|'k'"),
    ],
)
def test_options_are_checked(options, said):
    with pytest.raises(RecipeError, match=rf"Step 'cluster': .*(?:{said})"):
        build_algorithm("cluster", options)


def test_the_built_in_recipe():
    assert [step.name for step in build_steps(load_recipe("cluster16-w8a8"))] == [
        "guard",
        "ranges",
        "placement",
        "cluster",
    ]
