"""Replace each call of a model's own function by the function's nodes.

A file of some hundred bytes can ask for any number of nodes: forty functions, each of which calls the next one twice,
are 2^40. So they are counted before any is made. Refused are

1. functions that call themselves, perhaps through others;
2. more nodes than `MOST_NODES`, or names that come again too often: onnx_ir makes them unique by trying one number
   after the other, which takes the square of their number, in all no more than `MOST_TRIES`;
3. calls that do not fit their function.
"""

from __future__ import annotations

import graphlib
from collections import Counter
from collections.abc import Iterable

import onnx_ir as ir
from onnx_ir.passes.common import InlinePass

from detquant.errors import ModelError, in_short
from detquant.untrusted import one_line

MOST_NODES = 50_000
MOST_TRIES = 10_000_000

Identifier = tuple[str, str, str]


def inline_functions(model: ir.Model) -> ir.Model:
    """Replace the calls, in place; the model has no functions afterwards.

    Raises:
        ModelError: for the cases at the top of this file.
    """
    if not model.functions:
        return model
    _count(model)
    try:
        InlinePass()(model)
    except Exception as error:  # case 3: whatever a damaged function trips over, the user gets a sentence
        raise ModelError(
            f"The model's own functions cannot be put in place of their calls ({in_short(error)}): export it again "
            "without functions."
        ) from error
    return model


def _count(model: ir.Model) -> None:
    """Refuses functions that call themselves or stand for too many nodes (cases 1 and 2).

    Functions that nothing calls are removed: the pass would put calls in place within them too.
    """
    called = {one: _calls(function.all_nodes(), model) for one, function in model.functions.items()}
    try:
        order = [*graphlib.TopologicalSorter(called).static_order()][::-1]  # who calls comes before who is called
    except graphlib.CycleError as error:  # case 1
        names = " -> ".join(f"'{one_line(name)}'" for _, name, _ in error.args[1][:4])
        raise ModelError(
            f"The model has a function that calls itself ({names}): its graph would have no end. Export it again."
        ) from error
    times = _calls(model.graph.all_nodes(), model)
    nodes = sum(1 for _ in model.graph.all_nodes())
    for one in order:  # case 2
        nodes += times[one] * sum(1 for _ in model.functions[one].all_nodes())
        if nodes > MOST_NODES:
            raise ModelError(
                f"The model's functions stand for more than {MOST_NODES} nodes ('{one_line(one[1])}' and others): no "
                "detector is so large. Export it again without functions."
            )
        for inner, count in called[one].items():
            times[inner] += times[one] * count
    for one in order:
        if not times[one]:
            del model.functions[one]
    _name_nodes(model)
    comes: Counter[str] = Counter()
    for one, function in model.functions.items():
        for node in function.all_nodes():
            for name in (f"node {node.name}", *(f"value {output.name}" for output in node.outputs)):
                comes[name] += times[one]
    if sum(count**2 for count in comes.values()) > MOST_TRIES:
        often, count = comes.most_common(1)[0]
        raise ModelError(
            f"The model's functions are called so often that the {one_line(often)} in them comes {count} times: export "
            "it again without functions."
        )


def _name_nodes(model: ir.Model) -> None:
    """A name for each node of a function that has none: onnx_ir would call them all "node", and number them."""
    for (_, name, _), function in model.functions.items():
        for place, node in enumerate(function.all_nodes()):
            node.name = node.name or f"{name}_{place}"


def _calls(nodes: Iterable[ir.Node], model: ir.Model) -> Counter[Identifier]:
    """How often these nodes call each function."""
    return Counter(node.op_identifier() for node in nodes if node.op_identifier() in model.functions)
