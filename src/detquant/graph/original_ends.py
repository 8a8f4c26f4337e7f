"""Give what was made of a file the inputs and outputs of the file again: element types, channels last.

`prepare` lets every graph take float32 with its channels first, and give float32. Who has written a program around a
file that takes bytes, or half precision, wants a quantised file for the same program. So

1. an input of whole numbers or of another precision gets a Cast behind it;
2. an input with its channels last gets a Transpose behind it, and behind the Cast;
3. where the graph then rounds a uint8 input to uint8 on a grid of step 1 from 0, its codes are the bytes themselves:
   Cast and QuantizeLinear vanish;
4. an output of another precision is cast to it.

Inputs that are codes of real numbers, and outputs that a QuantizeLinear makes, stay real.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from detquant.graph.image_layout import channels_are_last
from detquant.graph.values import constant, fresh_name, is_op, static_shape, used_names

FLOATS = (ir.DataType.FLOAT16, ir.DataType.BFLOAT16, ir.DataType.DOUBLE)
_TO_FIRST, _TO_LAST = (0, 3, 1, 2), (0, 2, 3, 1)
_LONGEST = 30  # characters of a dimension; exporters write formulas of hundreds for what depends on the image's size


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """An input or output of a file.

    Attributes:
        dtype: type of its elements.
        channels_last: whether it is an image [1, height, width, channels].
        shape: dimensions as the file says; None for one that it leaves open.
    """

    dtype: ir.DataType
    channels_last: bool = False
    shape: tuple[int | str | None, ...] = ()

    @property
    def layout(self) -> str:
        """The layout of an image, "NHWC" or "NCHW"; "" for an array that is none."""
        return "" if len(self.shape) != 4 else "NHWC" if self.channels_last else "NCHW"

    @property
    def element(self) -> str:
        """The element type as numpy has it."""
        return {ir.DataType.FLOAT: "float32", ir.DataType.DOUBLE: "float64"}.get(self.dtype, self.dtype.name.lower())

    @property
    def described(self) -> str:
        """A description such as "uint8 1 × 256 × 256 × 3 (NHWC)"; an open dimension is shown as its name, or as "?"."""
        dims = " × ".join("?" if dim is None or len(str(dim)) > _LONGEST else str(dim) for dim in self.shape)
        return f"{self.element} {dims}{f' ({self.layout})' if self.layout else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """All inputs and outputs of a file, by name."""

    inputs: dict[str, End]
    outputs: dict[str, End]

    @property
    def plain(self) -> bool:
        """Whether inputs and outputs are as prepared graphs have them: float32, images with their channels first."""
        ends = (*self.inputs.values(), *self.outputs.values())
        inputs = all(end.dtype == ir.DataType.FLOAT or not end.layout for end in self.inputs.values())
        return inputs and not any(end.channels_last or end.dtype in FLOATS for end in ends)


def ends_of(graph: ir.Graph) -> Ends:
    """The ends that a graph has; initializers that old files list among the inputs are none."""
    images = [value for value in graph.inputs if value.name not in graph.initializers]
    return Ends(
        inputs={value.name or "": _end(value, image=True) for value in images},
        outputs={value.name or "": _end(value, image=False) for value in graph.outputs},
    )


def _end(value: ir.Value, *, image: bool) -> End:
    dims = () if value.shape is None else tuple(value.shape)
    shape = tuple(dim if isinstance(dim, int) else dim.value for dim in dims)
    last = image and channels_are_last(shape)
    return End(dtype=value.dtype or ir.DataType.FLOAT, channels_last=last, shape=shape)


def element_of(model: ir.Model, ends: Ends) -> str:
    """The type of the image's elements in a file, by name, as far as they are the image's own numbers.

    Args:
        model: the file's graph, prepared.
        ends: ends of the file.
    """
    images = [end for end in ends.inputs.values() if end.layout]
    return "float32" if len(images) != 1 or _reads_codes(model, ends) else images[0].element


def takes_codes(model: ir.Model, ends: Ends) -> bool:
    """Whether a file takes or gives codes of real numbers, which the prepared graph has as these numbers."""
    made = {value.name or "": value.dtype for value in model.graph.outputs}
    codes = any(end.dtype.is_integer() and made.get(name) == ir.DataType.FLOAT for name, end in ends.outputs.items())
    return codes or _reads_codes(model, ends)


def _reads_codes(model: ir.Model, ends: Ends) -> bool:
    whole = [v for v in model.graph.inputs if v.name in ends.inputs and ends.inputs[v.name].dtype.is_integer()]
    return any(is_op(reader, "QuantizeLinear") for value in whole for reader in value.consumers())


def with_original_ends(model: ir.Model, ends: Ends) -> ir.Model:
    """A copy of the model with the ends of the file; the model itself where they are so already.

    Args:
        model: with float32 ends, images [1, channels, height, width].
        ends: ends of the file.
    """
    if ends.plain:
        return model
    copy = model.clone()
    taken = used_names(copy.graph)
    for image in list(copy.graph.inputs):
        end = ends.inputs.get(image.name or "")
        if end is not None and (end.layout or end.dtype in FLOATS):
            _restore_input(copy.graph, image, end, taken)
    for place, value in enumerate(list(copy.graph.outputs)):
        end = ends.outputs.get(value.name or "")
        if end is not None and end.dtype in FLOATS and value.dtype == ir.DataType.FLOAT:
            copy.graph.outputs[place] = _cast_output(copy.graph, value, end.dtype, taken)
    return copy


def _restore_input(graph: ir.Graph, image: ir.Value, end: End, taken: set[str]) -> None:
    uses, value, shape = list(image.uses()), image, static_shape(image)
    makes: list[ir.Node] = []
    codes = end.dtype == ir.DataType.UINT8 and all(_keeps_bytes(use.node) for use in uses)
    if end.dtype != ir.DataType.FLOAT and not codes:  # case 1
        makes.append(_node("Cast", value, f"{image.name}_float", {"to": int(ir.DataType.FLOAT)}, taken))
        value = makes[-1].outputs[0]
        value.type = ir.TensorType(ir.DataType.FLOAT)
    if end.channels_last and shape is not None:  # case 2
        makes.append(_node("Transpose", value, f"{image.name}_channels_first", {"perm": list(_TO_FIRST)}, taken))
        value = makes[-1].outputs[0]
        value.type, value.shape = ir.TensorType(end.dtype if codes else ir.DataType.FLOAT), ir.Shape(shape)
        image.shape = ir.Shape([shape[axis] for axis in _TO_LAST])
        if len(makes) == 2:
            makes[0].outputs[0].shape = image.shape
    elif makes:
        value.shape = image.shape
    image.type = ir.TensorType(end.dtype)
    for made in reversed(makes):
        graph.insert_before(graph[0], made)
    for use in uses:
        if codes:  # case 3
            ir.convenience.replace_all_uses_with(use.node.outputs[0], value)
            graph.remove(use.node, safe=True)
        else:
            use.node.replace_input_with(use.idx, value)


def _keeps_bytes(node: ir.Node) -> bool:
    """Whether a node makes of each whole number of 0 to 255 the code of that number."""
    if not is_op(node, "QuantizeLinear") or node.outputs[0].is_graph_output():
        return False
    scale, zero = constant(node.inputs[1]), constant(node.inputs[2]) if len(node.inputs) > 2 else None
    unsigned = node.outputs[0].dtype == ir.DataType.UINT8 or (zero is not None and zero.dtype == np.uint8)
    return unsigned and scale is not None and bool((scale == 1).all()) and (zero is None or not zero.any())


def _cast_output(graph: ir.Graph, value: ir.Value, dtype: ir.DataType, taken: set[str]) -> ir.Value:
    """Casts an output back to the precision of the file, under the same name (case 4)."""
    name, producer = value.name or "", value.producer()
    value.name = fresh_name(f"{name}_float", taken)
    made = _node("Cast", value, f"{name}_cast", {"to": int(dtype)}, taken)
    if producer is None:
        graph.append(made)
    else:
        graph.insert_after(producer, made)
    out = made.outputs[0]
    out.name, out.shape, out.type = name, value.shape, ir.TensorType(dtype)
    return out


def _node(kind: str, value: ir.Value, name: str, attributes: dict[str, int | list[int]], taken: set[str]) -> ir.Node:
    unique = fresh_name(name, taken)
    made = ir.node(kind, [value], attributes, name=unique)
    made.outputs[0].name = unique
    return made
