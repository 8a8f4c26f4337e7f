"""If with a condition that is known: the branch that runs is put in its place.

Exporters leave such operations where a net asks for its own shapes or settings. Only once shapes are fixed and
constants folded is the condition a constant; then the other branch never runs.
"""

from __future__ import annotations

from typing import Any

from detquant.importers.openvino.operation import contents

_THEN, _ELSE = 0, 1


def inline_branches(model: Any) -> bool:
    """Puts the branches of all such operations into the model around them.

    Args:
        model: an `openvino.Model`, folded; changed.

    Returns:
        Whether there were any; conditions inside a branch may be constant then too, once folded again.
    """
    found = False
    for node in model.get_ordered_ops():
        if node.get_type_name() != "If":
            continue
        condition = contents(node.input_value(0).get_node())
        if condition is not None and condition.size == 1:
            _inline(node, _THEN if bool(condition.item()) else _ELSE)
            found = True
    if found:
        model.validate_nodes_and_infer_types()
    return found


def _inline(node: Any, branch: int) -> None:
    body = node.get_function(branch)
    parameters, results = body.get_parameters(), body.get_results()
    for description in node.get_input_descriptions(branch):
        source = node.input_value(description.input_index)
        _replace(parameters[description.body_parameter_index].output(0), source)
    for description in node.get_output_descriptions(branch):
        port = node.output(description.output_index)
        made = results[description.body_value_index].input_value(0)
        made.add_names(port.get_names())
        _replace(port, made)


def _replace(port: Any, other: Any) -> None:
    for reader in list(port.get_target_inputs()):
        reader.replace_source_output(other)
