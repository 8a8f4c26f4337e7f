"""What makes probabilities of a head's numbers: a sigmoid of scores, a softmax of bins of distances or of classes.

A sigmoid that gates its own input is an activation, and none of them. A softmax may be written out: exponents of what
is left below the largest number.
"""

from __future__ import annotations

import onnx_ir as ir

from detquant.graph.values import constant

SIGMOID, SOFTMAX = "Sigmoid", "Softmax"
OF_DETECTOR, OF_CLASSIFIER = [SIGMOID, SOFTMAX], [SOFTMAX]
"""What reads the heads of YOLOv8's kind, in the order of the alphabet, and of a classifier that gives probabilities."""


def reads(node: ir.Node) -> tuple[str, int] | None:
    """What an operator makes of numbers, and along which axis they sum up to 1; None where it is no probabilities."""
    if node.op_type == SIGMOID:
        return None if _gates(node) else (SIGMOID, 0)
    if node.op_type == SOFTMAX:
        return SOFTMAX, node.attributes.get_int("axis", -1)
    below = node.inputs[0].producer() if node.op_type == "Exp" and node.inputs[0] else None
    if below is None or below.op_type != "Sub":
        return None
    largest = below.inputs[1].producer() if below.inputs[1] else None
    if largest is None or largest.op_type != "ReduceMax" or largest.inputs[0] is not below.inputs[0]:
        return None
    axes = constant(largest.inputs[1]) if len(largest.inputs) > 1 else largest.attributes.get_ints("axes", ())
    return (SOFTMAX, int(axes[0])) if axes is not None and len(axes) == 1 else None


def _gates(node: ir.Node) -> bool:
    """Whether a sigmoid is part of an activation: what it gives is multiplied by what it is given."""
    given = node.inputs[0]
    return any(reader.op_type == "Mul" and given in reader.inputs for reader in node.outputs[0].consumers())
