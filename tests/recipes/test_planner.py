from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detquant.errors import RecipeError, UnsupportedOperator
from detquant.graph import prepare
from detquant.numerics import INT8, Capability, Kernel, PerAxis, QType, QuantSpec, eight_bits
from detquant.recipes import (
    Choice,
    Derived,
    Fixed,
    Own,
    Place,
    Places,
    Recipe,
    Rule,
    Shared,
    load_recipe,
    parse_recipe,
    plan,
)

W8A8 = load_recipe("w8a8")
CPU = Capability(
    name="cpu",
    kernels=eight_bits({"Conv", "Add", "Mul", "Sigmoid", "Relu", "MaxPool", "Concat", "Slice"}),
    fused=frozenset({"Relu"}),
    activation_steps=frozenset({"silu"}),
)
CONVS = ("one", "two", "three", "head")
ALL = ("first", "silu_gate", "silu_mul", "second", "relu", "pool", "join", "third", "add")


def float_for(*names):
    """W8A8 with some operators left in float by a later rule."""
    return replace(W8A8, rules=(*W8A8.rules, *(Rule(scope=name) for name in names)))


def in_float(why):
    return Choice(weight=None, activation=None, why=why)


def test_all_but_head_and_tail_is_integer(small_net):
    found = plan(small_net, W8A8, CPU)
    assert found.integer == ALL
    assert found.kept_float == {
        "head": "head output, feeds the decode tail",
        "tail_sigmoid": "decode tail",
    }
    assert (found.recipe, found.target) == ("w8a8", "cpu")
    assert set(found.weights) == {"first", "second", "third"}


def test_the_head_may_be_integer_but_never_the_tail(small_net):
    found = plan(small_net, replace(W8A8, head="int"), CPU)
    assert found.integer == (*ALL, "head") and found.kept_float == {"tail_sigmoid": "decode tail"}


def test_an_integer_head_writes_float_where_kernels_can(small_net):
    heads, writes_float = replace(W8A8, head="int"), replace(CPU, float_results=True)
    [output] = [node.outputs[0].name for node in small_net.graph if node.name == "head"]
    for recipe, facts, has_grid in ((heads, CPU, True), (heads, writes_float, False), (W8A8, writes_float, False)):
        found = plan(small_net, recipe, facts)
        assert "head" in found.integer and (output in found.points) is has_grid
    assert "head" in plan(small_net, W8A8, CPU).kept_float


def test_where_each_grid_comes_from(small_net):
    found = plan(small_net, W8A8, CPU)
    kinds = {name: type(point) for name, point in found.points.items()}
    assert kinds == {
        "x": Own, "c1": Own, "gate": Fixed, "silu": Own, "relu": Own, "pool": Shared, "joined": Shared,
        "c3": Own, "sum": Own, "first_b": Derived, "second_b": Derived, "third_b": Derived,
    }  # fmt: skip
    assert "c2" not in found.points  # Relu is folded into its convolution
    gate = found.points["gate"]
    assert isinstance(gate, Fixed) and (gate.low, gate.high) == (0.0, 1.0)
    assert found.points["third_b"] == Derived("joined", "third")


@pytest.fixture
def residual(build):
    """A sum of two convolutions, and a Relu behind it that a third one reads."""
    weights = {f"{name}_w": np.full((8, 3 if name == "one" else 8, 1, 1), 0.1, np.float32) for name in CONVS}
    rows = [
        ("Conv", ["x", "one_w"], ["a"], {"name": "one"}),
        ("Conv", ["a", "two_w"], ["b"], {"name": "two"}),
        ("Add", ["a", "b"], ["sum"], {"name": "add"}),
        ("Relu", ["sum"], ["r"], {"name": "relu"}),
        ("Conv", ["r", "three_w"], ["c"], {"name": "three"}),
        ("Conv", ["c", "head_w"], ["y"], {"name": "head"}),
    ]
    return prepare(build(rows, {"x": [1, 3, 8, 8]}, {"y": None}, weights))


def test_no_grid_between_a_sum_and_what_is_folded_into_it(residual):
    folds = replace(CPU, fused_after_add=frozenset({"Relu"}))
    assert {"sum", "r"} <= plan(residual, W8A8, CPU).points.keys()
    found = plan(residual, W8A8, folds)
    assert "sum" not in found.points and "r" in found.points and {"add", "relu"} <= set(found.integer)
    # What stays in float folds nothing.
    assert "sum" in plan(residual, float_for("relu"), folds).points


def test_pooled_and_joined_values_share_a_grid(small_net):
    found = plan(small_net, W8A8, CPU)
    assert {found.root(name) for name in ("relu", "pool", "joined")} == {"relu"}
    assert found.sources["relu"] == ("relu",)
    assert found.root("sum") == "sum" and set(found.owned) == {"x", "c1", "silu", "relu", "c3", "sum"}


def test_silu_is_float_as_a_whole_where_the_target_cannot(small_net):
    found = plan(small_net, W8A8, replace(CPU, activation_steps=frozenset()))
    assert found.kept_float["silu_gate"] == found.kept_float["silu_mul"] == "silu has no integer kernel on cpu"
    assert "gate" not in found.points and {"c1", "silu"} <= set(found.owned)


@pytest.mark.parametrize("one", ["silu_gate", "silu_mul"])
def test_one_node_in_float_keeps_the_whole_silu_in_float(small_net, one):
    found = plan(small_net, W8A8, CPU, choices={one: in_float("guard")})
    assert found.kept_float["silu_gate"] == found.kept_float["silu_mul"] == "guard"


@pytest.mark.parametrize("one", ["gate", "mul"])
def test_what_follows_a_float_silu_is_float(build, one):
    """Half of it is integer by the recipe; an Add behind it must not be taken in."""
    net = prepare(
        build(
            [
                ("Conv", ["x", "w"], ["c"], {"name": "conv"}),
                ("Sigmoid", ["c"], ["g"], {"name": "gate"}),
                ("Mul", ["c", "g"], ["m"], {"name": "mul"}),
                ("Add", ["m", "m"], ["a"], {"name": "add"}),
                ("Relu", ["a"], ["r"], {"name": "relu"}),
                ("Abs", ["r"], ["b"], {"name": "abs"}),
                ("Conv", ["b", "w"], ["y"], {"name": "head"}),
            ],
            {"x": [1, 3, 4, 4]},
            {"y": None},
            {"w": np.ones((3, 3, 1, 1), np.float32)},
        )
    )
    assert plan(net, float_for(one), CPU).integer == ("conv",)
    assert plan(net, W8A8, CPU).integer == ("conv", "gate", "mul", "add", "relu")


def test_what_was_chosen_to_be_float_is_so_with_its_reason(small_net):
    found = plan(small_net, W8A8, CPU, choices={"third": in_float("costs 3 AP")})
    assert found.kept_float["third"] == "costs 3 AP" and "third" not in found.weights
    assert "third_b" not in found.points
    assert "add" in found.integer  # its other producer is integer


def test_an_add_behind_float_operators_stays_float(small_net):
    found = plan(small_net, float_for("second", "third"), CPU)
    assert found.integer == ("first", "silu_gate", "silu_mul")
    assert found.kept_float["second"] == "the recipe says float"
    assert found.kept_float["add"] == found.kept_float["relu"] == "its producers run in float"


def test_an_operator_without_a_kernel_stays_float(small_net):
    found = plan(small_net, W8A8, replace(CPU, kernels=eight_bits(CPU.kernels.keys() - {"MaxPool"})))
    assert found.kept_float["pool"] == "MaxPool has no integer kernel on cpu"
    assert found.sources["relu"] == ("relu", "pool")  # one grid still, and pool's own range counts


def test_moving_operators_before_an_integer_one_are_integer(build):
    """YOLOX's focus: slices of the image, joined, then the first convolution."""
    rows = [
        ("Slice", ["x", "zero", "big", "axis", "two"], ["even"], {"name": "even"}),
        ("Slice", ["x", "one", "big", "axis", "two"], ["odd"], {"name": "odd"}),
        ("Concat", ["even", "odd"], ["both"], {"name": "join", "axis": 1}),
        ("Conv", ["both", "w"], ["c"], {"name": "conv", "dilations": [2, 2]}),
        ("Conv", ["c", "v"], ["y"], {"name": "head"}),
    ]
    weights = {name: np.array([n], np.int64) for name, n in [("zero", 0), ("one", 1), ("two", 2), ("axis", 3)]}
    weights |= {"big": np.array([99], np.int64)}
    weights |= {"w": np.ones((2, 6, 1, 1), np.float32), "v": np.ones((2, 2, 1, 1), np.float32)}
    found = plan(prepare(build(rows, {"x": [1, 3, 4, 4]}, {"y": None}, weights)), W8A8, CPU)
    assert found.integer == ("even", "odd", "join", "conv")
    assert {found.root(name) for name in ("x", "even", "odd", "both")} == {"x"}
    assert found.sources["x"] == ("x",)


def test_a_joined_constant_counts_in_the_range(build):
    rows = [
        ("Conv", ["x", "w"], ["c"], {"name": "conv"}),
        ("Concat", ["c", "places"], ["j"], {"name": "join", "axis": 1}),
        ("Conv", ["j", "v"], ["y"], {"name": "head"}),
    ]
    weights = {"w": np.ones((2, 3, 1, 1), np.float32), "v": np.ones((2, 4, 1, 1), np.float32)}
    weights["places"] = np.full((1, 2, 4, 4), 50, np.float32)
    found = plan(prepare(build(rows, {"x": [1, 3, 4, 4]}, {"y": None}, weights)), W8A8, CPU)
    assert found.sources["c"] == ("c", "j")


@pytest.mark.parametrize(("also_read", "expected"), [(False, {"c1": "silu"}), (True, {})])
def test_a_preactivation_has_no_other_reader(build, also_read, expected):
    rows = [
        ("Conv", ["x", "w"], ["c1"], {}),
        ("Sigmoid", ["c1"], ["g"], {}),
        ("Mul", ["c1", "g"], ["m"], {}),
        ("Add", ["m", "c1" if also_read else "m"], ["a"], {}),
        ("Conv", ["a", "w"], ["y"], {}),
    ]
    net = prepare(
        build(rows, {"x": [1, 3, 4, 4]}, {"y": None}, {"w": np.ones((3, 3, 1, 1), np.float32)}),
    )
    assert plan(net, W8A8, CPU).preactivations == expected


@pytest.mark.parametrize(
    ("recipe", "capability"),
    [
        (Recipe(name="nothing", rules=(Rule(),)), CPU),
        (Recipe(name="none", rules=(replace(W8A8.rules[0], ops=("Relu",)),)), CPU),
        (Recipe(name="no weights", rules=(replace(W8A8.rules[0], weight=None),)), CPU),
        (W8A8, replace(CPU, kernels=eight_bits({"Relu"}))),
    ],
)
def test_nothing_to_quantise_is_refused(small_net, recipe, capability):
    with pytest.raises(RecipeError, match=f"Recipe '{recipe.name}' on target 'cpu' would quantise no"):
        plan(small_net, recipe, capability)


FUSING = replace(CPU, fused_activations=frozenset({"silu"}), activation_steps=frozenset())


def test_an_activation_inside_the_kernel_before_it_has_one_grid(small_net):
    found = plan(small_net, W8A8, FUSING)
    assert found.integer == ALL
    assert not {"c1", "gate"} & set(found.points) and isinstance(found.points["silu"], Own)
    assert not found.preactivations


def test_a_fused_activation_follows_its_layer_into_float(small_net):
    found = plan(small_net, float_for("first"), FUSING)
    assert {"first", "silu_gate", "silu_mul"} <= set(found.kept_float)


def test_an_activation_that_others_look_into_is_not_fused(build):
    rows = [
        ("Conv", ["x", "w"], ["c"], {"name": "layer"}),
        ("Sigmoid", ["c"], ["g"], {"name": "gate"}),
        ("Mul", ["c", "g"], ["s"], {"name": "mul"}),
        ("Add", ["c", "s"], ["a"], {"name": "add"}),
        ("Conv", ["a", "w"], ["y"], {"name": "head"}),
    ]
    net = prepare(build(rows, {"x": [1, 3, 8, 8]}, {"y": None}, {"w": np.ones((3, 3, 1, 1), np.float32)}))
    found = plan(net, W8A8, FUSING)
    assert {"gate", "mul"} <= set(found.kept_float) and isinstance(found.points["c"], Own)


def test_kernels_that_write_float_need_no_grid_before_float_readers(small_net):
    after_the_third = replace(FUSING, float_results=True, kernels=eight_bits(FUSING.kernels.keys() - {"Add"}))
    assert "c3" not in plan(small_net, W8A8, after_the_third).points
    assert "c3" in plan(small_net, W8A8, replace(after_the_third, float_results=False)).points


INTEGERS = replace(CPU, integer_only=True)


def test_where_all_is_integer_the_heads_are_too_whatever_the_recipe_says(small_net):
    found = plan(small_net, W8A8, INTEGERS)
    assert found.integer == (*ALL, "head") and found.kept_float == {"tail_sigmoid": "decode tail"}


def test_where_all_is_integer_the_rest_is_refused_with_its_reason(small_net):
    with pytest.raises(UnsupportedOperator, match=r"Conv 'third' would run in float \(the recipe says float\), and so"):
        plan(small_net, float_for("third", "add"), INTEGERS)
    with pytest.raises(UnsupportedOperator, match=r"MaxPool 'pool' would run in float \(MaxPool has no integer kernel"):
        plan(small_net, W8A8, replace(INTEGERS, kernels=eight_bits(CPU.kernels.keys() - {"MaxPool"})))


def test_where_all_is_integer_what_reads_the_image_is_integer_too(build):
    weights = {"half": np.array(0.5, np.float32), "w": np.ones((4, 3, 1, 1), np.float32)}
    rows = [
        ("Mul", ["x", "half"], ["scaled"], {"name": "scale"}),
        ("Conv", ["scaled", "w"], ["y"], {"name": "head"}),
    ]
    model = prepare(build(rows, {"x": [1, 3, 8, 8]}, {"y": None}, weights))
    assert plan(model, W8A8, INTEGERS).integer == ("scale", "head")
    assert "scale" in plan(model, replace(W8A8, head="int"), CPU).kept_float


def test_the_grid_of_an_image_of_known_range_is_fixed(small_net):
    point = plan(small_net, W8A8, CPU, ranges={"x": (0.0, 1.0)}).points["x"]
    assert isinstance(point, Fixed) and (point.low, point.high) == (0.0, 1.0)
    behind = plan(small_net, W8A8, CPU, ranges={"c1": (-3.0, 5.0)}).points["c1"]  # as behind an image's arithmetic
    assert isinstance(behind, Fixed) and (behind.low, behind.high) == (-3.0, 5.0)
    assert isinstance(plan(small_net, W8A8, CPU).points["c1"], Own)


def test_logits_of_scores_reach_to_the_largest_seen(small_net):
    found = plan(small_net, W8A8, INTEGERS)
    logits = found.points["logits"]
    assert isinstance(logits, Own) and logits.spec.observer == "minmax"
    assert found.preactivations["logits"] == "sigmoid"
    others = {name: point.spec.observer for name, point in found.points.items() if isinstance(point, Own)}
    assert others.pop("logits") == "minmax" and set(others.values()) == {"tails"}
    assert "logits" not in plan(small_net, W8A8, CPU).points


UNFOLDING = replace(CPU, weight_only=frozenset({"Conv"}))
W8 = load_recipe("w8")


def test_layers_in_float_keep_their_weights_in_codes_where_that_costs_no_time(small_net):
    begun = W8A8.choice_for(small_net.graph.node("third"), Places(small_net.graph))
    faster = {"third": replace(begun, activation=None, why="placement")}
    found = plan(small_net, W8A8, UNFOLDING, faster)
    assert set(found.weights) == {"first", "second", "third", "head"}
    assert found.weight_only == ["third", "head"] and not {"third", "head"} & set(found.integer)
    assert "third_b" not in found.points  # a bias has a grid behind codes alone
    assert plan(small_net, W8A8, CPU, faster).weight_only == []


def test_what_the_recipe_wants_in_float_has_no_weight_in_codes(small_net):
    assert plan(small_net, float_for("third"), UNFOLDING).weight_only == ["head"]


def test_weights_alone(small_net):
    found = plan(small_net, W8, UNFOLDING)
    assert found.weight_only == ["first", "second", "third", "head"] and not found.integer and not found.points


def test_weights_alone_need_a_target_that_unfolds_them_once(small_net):
    with pytest.raises(RecipeError, match=r"'w8' asks for weights alone, and cpu would .* such as opencv"):
        plan(small_net, W8, CPU)
    none = replace(W8, rules=(replace(W8.rules[0], ops=("Relu",)),))
    with pytest.raises(RecipeError, match="would quantise no convolution"):
        plan(small_net, none, UNFOLDING)


def test_the_decode_tail_has_no_weight_in_codes(build):
    weights = {
        "a": np.ones((8, 3, 1, 1), np.float32),
        "head": np.ones((4, 8, 1, 1), np.float32),
        "bins": np.arange(4, dtype=np.float32).reshape(1, 4, 1, 1),
    }
    rows = [
        ("Conv", ["x", "a"], ["c"], {"name": "layer"}),
        ("Conv", ["c", "head"], ["logits"], {"name": "head"}),
        ("Sigmoid", ["logits"], ["s"], {"name": "sigmoid"}),
        ("Conv", ["s", "bins"], ["y"], {"name": "expectation"}),
    ]
    found = plan(prepare(build(rows, {"x": [1, 3, 8, 8]}, {"y": None}, weights)), W8, UNFOLDING)
    assert found.weight_only == ["layer", "head"] and found.kept_float["expectation"] == "decode tail"


NAMED = {"weight": W8A8.rules[0].weight, "activation": W8A8.rules[0].activation}


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Rule(scope="thrid", **NAMED), "no operator is named 'thrid'. The nearest names: 'third', "),
        (
            Rule(scope="head*", ops=("Relu", "Add"), **NAMED),
            "no Relu or Add is named 'head*'. The nearest names: 'add', 're",
        ),
        (
            Rule(ops=("Covn",), **NAMED),
            "no operator of type 'Covn': did you mean 'Conv'? Its types: Add, Concat, Conv, ",
        ),
        (Rule(ops=("Gemm", "MatMul"), **NAMED), "no operator of type 'Gemm', 'MatMul': Its types: "),
    ],
)
@pytest.mark.parametrize("wish", [W8A8, load_recipe("dynamic"), W8], ids=lambda wish: wish.name)
def test_a_rule_that_names_nothing_of_the_model_is_refused(small_net, wish, rule, words):
    facts = replace(UNFOLDING, dynamic_ops=frozenset({"Conv"}))
    with pytest.raises(RecipeError) as error:
        plan(small_net, replace(wish, rules=(*wish.rules, rule)), facts)
    assert f"Rule 2 of recipe '{wish.name}' matches nothing: " in str(error.value) and words in str(error.value)


def test_a_rule_for_places_and_sizes_that_the_model_does_not_have_is_none(small_net):
    more = (Rule(min_weights=10**6, **NAMED), Rule(scope="add", place=(Place.HEAD,), **NAMED))
    assert plan(small_net, replace(W8A8, rules=(*W8A8.rules, *more)), CPU) == plan(small_net, W8A8, CPU)


def test_joined_values_lie_on_the_widest_grid_that_was_wished_for_one_of_them(small_net):
    facts = replace(CPU, kernels=dict.fromkeys(CPU.kernels, Kernel(activation_bits=frozenset({4, 8}))))
    narrow = replace(NAMED["activation"], qtype=QType(4, signed=False))
    for named, bits in (("relu", 4), ("pool", 8), ("join", 8)):  # pool and join only move what relu writes
        more = Rule(scope=named, weight=None, activation=narrow)
        found = plan(small_net, replace(W8A8, rules=(*W8A8.rules, more)), facts)
        assert found.points[found.root("joined")].spec.qtype.bits == bits


def test_joined_values_lie_on_a_power_of_two_that_was_wished_for_one_of_them(build):
    weights = {name: np.ones((2, 2, 1, 1), np.float32) for name in ("a", "b")} | {
        "c": np.ones((2, 4, 1, 1), np.float32)
    }
    rows = [("Conv", ["x", name], [f"{name}_out"], {"name": name}) for name in ("a", "b")]
    rows += [("Concat", ["a_out", "b_out"], ["j"], {"name": "join", "axis": 1})]
    rows += [("Conv", ["j", "c"], ["y"], {"name": "c"})]
    model = prepare(build(rows, {"x": [1, 2, 4, 4]}, {"y": None}, weights))
    more = Rule(scope="b", **{**NAMED, "activation": replace(NAMED["activation"], power_of_two=True)})
    found = plan(model, replace(W8A8, head="int", rules=(*W8A8.rules, more)), CPU)
    # Both read the image, so it has one too.
    assert {name: spec.power_of_two for name, spec in found.owned.items()} == {"x": True, "a_out": True, "y": False}
    assert found.root("j") == found.root("b_out") == "a_out"


@pytest.mark.parametrize("bits", range(2, 9))
def test_a_width_that_was_chosen_for_one_layer_is_planned(small_net, bits):
    wish = W8A8.choice_for(small_net.graph.node("second"), Places(small_net.graph))
    narrow = replace(wish, weight=replace(wish.weight, qtype=QType(bits)), why="cheap there")
    found, usual = plan(small_net, W8A8, CPU, {"second": narrow}), plan(small_net, W8A8, CPU)
    assert found.weights["second"].qtype == QType(bits) and found.integer == usual.integer
    assert {**found.weights, "second": usual.weights["second"]} == usual.weights and found.points == usual.points


def test_an_activation_that_was_chosen_is_that_of_what_the_operator_writes(small_net):
    wish = W8A8.choice_for(small_net.graph.node("add"), Places(small_net.graph))
    narrow = replace(wish, activation=replace(wish.activation, qtype=QType(4, signed=False)))
    found, usual = (
        plan(
            small_net,
            W8A8,
            replace(CPU, kernels=dict.fromkeys(CPU.kernels, Kernel(activation_bits=frozenset({4, 8})))),
            {"add": narrow},
        ),
        plan(small_net, W8A8, CPU),
    )
    changed = [name for name in usual.points if found.points[name] != usual.points[name]]
    assert changed == [small_net.graph.node("add").outputs[0].name]
    assert found.points[changed[0]].spec.qtype == QType(4, signed=False)


def test_a_layer_that_is_given_no_weight_runs_in_float_and_what_has_none_does_not_mind(small_net):
    wish = W8A8.choice_for(small_net.graph.node("third"), Places(small_net.graph))
    found = plan(small_net, W8A8, CPU, {name: replace(wish, weight=None, why="so I say") for name in ("third", "add")})
    assert found.kept_float["third"] == "so I say" and "add" in found.integer


def test_a_choice_wins_over_a_recipe_that_says_float(small_net):
    given = Choice(weight=W8A8.rules[0].weight, activation=W8A8.rules[0].activation, why="it is worth it")
    assert "second" in plan(small_net, float_for("second"), CPU, {"second": given}).integer


def test_choices_that_no_plan_can_honour_are_refused(small_net):
    with pytest.raises(RecipeError, match="Unknown operator 'secnd': did you mean 'second'"):
        plan(small_net, W8A8, CPU, {"secnd": in_float("why")})
    wish = W8A8.choice_for(small_net.graph.node("second"), Places(small_net.graph))
    with pytest.raises(RecipeError, match="observer 'dynamic' and others"):
        plan(small_net, W8A8, CPU, {"second": replace(wish, activation=replace(wish.activation, observer="dynamic"))})
    with pytest.raises(RecipeError, match="A weight's grid is symmetric"):
        replace(wish, weight=QuantSpec(qtype=INT8, symmetric=False, granularity=PerAxis(0)))


def widths(weight=8, activation=8, granularity="per_axis"):
    """A recipe of these widths for all operators."""
    table = {
        "rules": [
            {
                "weight": {"qtype": f"int{weight}", "granularity": granularity},
                "activation": {"qtype": f"uint{activation}", "symmetric": False},
            }
        ]
    }
    return parse_recipe(table, "narrow")


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (widths(activation=4), "on cpu activations of 4 bits, and its kernels take 8: give it these"),
        (widths(activation=16), "activations of 16 bits, and its kernels take 8"),
        (widths(weight=9), "Conv 'first' on cpu weights of 9 bits, and its kernels take 2 to 8"),
        (widths(granularity="per_group"), "weights on grids per group of 32, and its kernels take grids per axis or"),
    ],
)
def test_types_that_no_kernel_takes_are_refused(small_net, recipe, expected):
    with pytest.raises(RecipeError, match=expected):
        plan(small_net, recipe, CPU)


@pytest.mark.parametrize("bits", range(2, 8))
def test_kernels_of_eight_bits_take_narrower_weights(small_net, bits):
    found = plan(small_net, widths(weight=bits), CPU)
    assert {spec.qtype.bits for spec in found.weights.values()} == {bits}


def test_a_place_with_wider_kernels_takes_what_they_take(small_net):
    wide = Kernel(activation_bits=frozenset({4, 8}))
    found = plan(small_net, widths(weight=4, activation=4), replace(CPU, kernels=dict.fromkeys(CPU.kernels, wide)))
    assert found.integer == ALL


def test_a_choice_is_held_to_the_kernels_too(small_net):
    wish = W8A8.choice_for(small_net.graph.node("second"), Places(small_net.graph))
    assert wish.activation is not None
    chosen = replace(wish, activation=replace(wish.activation, qtype=QType(4, False)), why="mixed precision")
    with pytest.raises(RecipeError, match="Conv 'second' on cpu activations of 4 bits"):
        plan(small_net, W8A8, CPU, {"second": chosen})
