"""From an ONNX graph, float or QDQ, to the layers of ncnn's files: the graph is walked once, node after node.

1. Activations are found first, see `fusing`.
2. A layer with stored weights behind a DequantizeLinear is of int8, see `integer`; Q and DQ are no layers themselves:
   the layer that wants codes rounds its input.
3. Where all that read a convolution's result are such convolutions, on one grid, it writes their codes itself.
4. All else is float; `detquant.targets.ncnn.unrounded` has seen to it that it reads floats.
5. Inputs and outputs keep their names and lose their batch.
"""

from __future__ import annotations

from collections.abc import Collection

import onnx_ir as ir

from detquant.errors import UnsupportedOperator
from detquant.graph.values import is_op
from detquant.targets.ncnn.fusing import fusions
from detquant.targets.ncnn.integer import written_codes
from detquant.targets.ncnn.layout import dropped, stored
from detquant.targets.ncnn.operators import composite, operator
from detquant.targets.ncnn.param_file import LONGEST, Blob, ParamFile
from detquant.targets.ncnn.site import Site
from detquant.targets.ncnn.values import Values, shape_of, shape_parameters


def lower(model: ir.Model, *, half: bool = False, precise: Collection[ir.Node] | None = None) -> tuple[bytes, bytes]:
    """The files of a prepared graph.

    Args:
        model: float, or with Q and DQ around what runs in integers.
        half: float weights in 16 bits.
        precise: nodes whose layers compute in float32 on processors that have 16-bit floats; None for all.

    Returns:
        The contents of ``.param`` and of ``.bin``.

    Raises:
        UnsupportedOperator: ncnn has no such operator, or not in these shapes.
    """
    file = ParamFile()
    values = Values(file, half=half, precise=precise)
    for value in model.graph.inputs:
        name, shape = _end(value, "input"), stored(shape_of(value))
        blob = Blob(name, shape)
        file.layer("Input", name, [], [blob], {**shape_parameters(shape), **values.masked(None)})
        values.give(value, blob)
    found = fusions(model.graph)
    for node in model.graph:
        if node in found.gone or is_op(node, "Constant", "QuantizeLinear", "DequantizeLinear"):
            continue
        if node in found.composite:
            composite(Site(values, node), found.composite[node])
            continue
        taken = found.taken.get(node)
        result = node.outputs[0] if taken is None else taken.result
        site = Site(values, node, result, None if taken is None else taken.fused, written_codes(node, result))
        operator(node)(site)
    return file.finish(_outputs(model, values))


def _outputs(model: ir.Model, values: Values) -> dict[str, Blob]:
    """Blobs by name, each of them another: an output that is another's, or an input, is copied."""
    found: dict[str, Blob] = {}
    for value in model.graph.outputs:
        name, blob = _end(value, "output"), values.read(value)
        if blob in found.values() or any(blob in one.outputs for one in values.file.layers if one.kind == "Input"):
            copy = Blob(name, blob.shape)
            values.file.layer("Noop", name, [blob], [copy], values.masked(None))
            blob = copy
        found[name] = blob
    return found


def _end(value: ir.Value, what: str) -> str:
    """The name of an input or output.

    Raises:
        UnsupportedOperator: it is none that ncnn reads, or has several images.
    """
    name, shape = value.name or "", shape_of(value)
    if len(name) > LONGEST or not name.isascii() or not name.isprintable() or " " in name or not name:
        raise UnsupportedOperator(
            f"The model's {what} '{name}' has a name that ncnn cannot read: give it one without spaces, of at most "
            f"{LONGEST} letters and digits."
        )
    if dropped(shape) != (0,):
        raise UnsupportedOperator(
            f"The model's {what} '{name}' has the shape {list(shape)}, and ncnn takes one image at a time: export the "
            f"model with a batch of 1 as the first axis."
        )
    return name
