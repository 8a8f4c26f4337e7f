from __future__ import annotations

from detquant.graph.name_values import name_values


def names(model):
    return [node.name for node in model.graph], [out.name for node in model.graph for out in node.outputs]


def test_missing_and_repeated_names_are_made_unique(build):
    model = build(
        [
            ("Relu", ["x"], ["a"], {"name": "same"}),
            ("Relu", ["a"], ["b"], {"name": "same"}),
            ("Neg", ["b"], ["y"], {}),
        ],
        {"x": [1]},
        {"y": [1]},
    )
    model.graph.node(0).outputs[0].name = "y"
    model.graph.node(1).outputs[0].name = None
    nodes, values = names(name_values(model))
    assert nodes[0] == "same" and len(set(nodes)) == 3 and nodes[2] == "Neg:y"
    assert values[2] == "y" and len(set(values)) == 3 and all(values)


def test_names_are_stable(build):
    model = build([("Relu", ["x"], ["a"], {}), ("Neg", ["a"], ["y"], {})], {"x": [1]}, {"y": [1]})
    once = names(name_values(model.clone()))
    assert once == names(name_values(name_values(model.clone()))) == (["Relu:a", "Neg:y"], ["a", "y"])
