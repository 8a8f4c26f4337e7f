"""The ONNX graph as it grows, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt
import onnx_ir as ir

from detquant.graph.values import static_shape
from detquant.importers.darknet.cfg import Section

OPSET, IR_VERSION = 21, 10
INPUT = "images"
COLOURS = 3
# Eight times YOLOv4's largest map at 1536 pixels: more is a mistake in the cfg, and nothing could run it.
_MOST_VALUES = 1 << 29
# Several times those of the largest nets that there are; a [route] of one line can ask for hundreds.
_MOST_NODES = 1 << 12


@dataclass(frozen=True, slots=True)
class Parameter:
    """Numbers that the weights file holds.

    Attributes:
        value: the initializer, without contents until the file is read.
        shape: its shape.
        layer: in Darknet's count, from 0.
        is_variance: whether it is BatchNorm's variance.
    """

    value: ir.Value
    shape: tuple[int, ...]
    layer: int
    is_variance: bool = False


@dataclass(slots=True)
class Network:
    """The ONNX graph of a cfg as far as it has been built.

    Attributes:
        image: the input, [1, 3, height, width].
        layers: the map that each layer gives, in Darknet's count.
        nodes: nodes of the graph, in order.
        parameters: initializers whose numbers come from the weights file, in its order.
        constants: all other initializers.
        outputs: outputs of the graph.
    """

    image: ir.Value
    layers: list[ir.Value] = field(default_factory=list)
    nodes: list[ir.Node] = field(default_factory=list)
    parameters: list[Parameter] = field(default_factory=list)
    constants: list[ir.Value] = field(default_factory=list)
    outputs: list[ir.Value] = field(default_factory=list)

    @property
    def last(self) -> ir.Value:
        """The map that the next layer reads."""
        return self.layers[-1] if self.layers else self.image

    @property
    def number(self) -> int:
        """The number of the next layer, in Darknet's count."""
        return len(self.layers)

    def add(
        self,
        section: Section,
        op_type: str,
        name: str,
        inputs: Sequence[ir.Value | None],
        size: tuple[int, int, int],
        **attributes: Any,
    ) -> ir.Value:
        """Adds a node of the layer that is being built.

        Args:
            section: section of the layer.
            op_type: ONNX's.
            name: within the layer.
            inputs: None where an optional one is left out.
            size: channels, height and width of what it gives.
            attributes: ONNX's.

        Raises:
            ModelError: nothing is left of the map, or it is absurdly large, or there are absurdly many nodes.
        """
        if len(self.nodes) == _MOST_NODES:
            section.refuse(f"the net has more than {_MOST_NODES} operators up to here: no detector has so many.")
        if min(size) < 1 or math.prod(size) > _MOST_VALUES:
            section.refuse(
                f"the layer makes a map of {size[0]} channels and {size[1]}x{size[2]} cells, which is "
                f"{'nothing' if min(size) < 1 else 'more than can be run'}: check the sizes and strides up to here."
            )
        full = f"layer_{self.number:03d}/{name}"
        node = ir.node(op_type, inputs=inputs, attributes=attributes or None, name=full)
        output = node.outputs[0]
        output.name, output.shape, output.type = full, ir.Shape([1, *size]), ir.TensorType(ir.DataType.FLOAT)
        self.nodes.append(node)
        return output

    def parameter(self, name: str, shape: tuple[int, ...], is_variance: bool = False) -> ir.Value:
        """The next numbers of the weights file, for the layer that is being built."""
        full = f"layer_{self.number:03d}/{name}"
        value = ir.Value(name=full, shape=ir.Shape(shape), type=ir.TensorType(ir.DataType.FLOAT))
        self.parameters.append(Parameter(value, shape, self.number, is_variance))
        return value

    def constant(self, name: str, array: npt.NDArray[Any]) -> ir.Value:
        """A constant of the layer that is being built."""
        full = f"layer_{self.number:03d}/{name}"
        tensor = ir.tensor(array, name=full)
        value = ir.Value(name=full, shape=ir.Shape(array.shape), type=ir.TensorType(tensor.dtype), const_value=tensor)
        self.constants.append(value)
        return value

    def model(self) -> ir.Model:
        """The graph as a model, once the parameters are filled."""
        initializers = [parameter.value for parameter in self.parameters] + self.constants
        graph = ir.Graph(
            [self.image],
            self.outputs,
            nodes=self.nodes,
            initializers=initializers,
            opset_imports={"": OPSET},
            name="darknet",
        )
        return ir.Model(graph, ir_version=IR_VERSION, producer_name="darknet")


def empty_network(height: int, width: int) -> Network:
    """A network of no layers for images of this size."""
    shape = ir.Shape([1, COLOURS, height, width])
    return Network(ir.Value(name=INPUT, shape=shape, type=ir.TensorType(ir.DataType.FLOAT)))


def size_of(value: ir.Value) -> tuple[int, int, int]:
    """Channels, height and width of a map."""
    shape = static_shape(value)
    assert shape is not None, "each map is made with its shape"
    _, channels, height, width = shape
    return channels, height, width
