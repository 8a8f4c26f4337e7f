"""One operator at the moment it is lowered: what functions of `operators` see, and nothing else of the graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from detquant.numerics.arrays import Array
from detquant.targets.lowered_node import LoweredNode
from detquant.targets.ncnn.layout import Shape, stored, wide
from detquant.targets.ncnn.param_file import Blob, Parameters, tagged
from detquant.targets.ncnn.values import Values, masked, shape_of, shape_parameters


@dataclass(frozen=True, slots=True)
class Fused:
    """An activation inside a layer: ``activation_type`` and ``activation_params`` of ncnn."""

    number: int
    parameters: tuple[float, ...] = ()

    def told(self) -> dict[int, int | tuple[float, ...]]:
        """It as parameters of the layer."""
        return {9: self.number, **({10: self.parameters} if self.parameters else {})}


class Site(LoweredNode):
    """One operator of the graph while it is lowered, see `LoweredNode`.

    Attributes:
        values: the blobs of all values.
        fused: the activation that its layer takes in.
        written: the codes that the layer is to write for the next, and the scale of their grid; None for float.
    """

    lacks = "which no layer of ncnn does"

    def __init__(
        self,
        values: Values,
        node: ir.Node,
        result: ir.Value | None = None,
        fused: Fused | None = None,
        written: tuple[ir.Value, float] | None = None,
    ) -> None:
        super().__init__(node)
        self.values = values
        self.fused, self.written = fused, written
        self._result = result

    # What it reads.

    def shape(self, place: int = 0) -> Shape:
        """The shape of an input, as ONNX has it."""
        return shape_of(self.value(place))

    def read(self, place: int = 0) -> Blob:
        """An input in float, where it lies."""
        return self.values.read(self.value(place))

    def read_wide(self, place: int, out: Shape) -> Blob:
        """An input with as many axes as a result that it is broadcast to."""
        known = self.constant(place)
        shape = wide(self.shape(place) if known is None else known.shape, out)
        if known is not None:
            return self.values.constant(self.value(place).name or "constant", known, shape)
        return self.shaped(self.read(place), shape)

    # What it writes.

    def out_shape(self, place: int = 0) -> Shape:
        """The shape of an output, as ONNX has it."""
        return shape_of(self.node.outputs[place])

    def result(self, place: int = 0) -> Blob:
        """The blob to write an output to."""
        value = self._result if self._result is not None and not place else self.node.outputs[place]
        if self.written is not None:
            made = Blob(self.written[0].name or "codes", stored(shape_of(value)), codes=True)
            self.values.codes[self.written[0]] = made
            return made
        made = Blob(value.name or "result", stored(shape_of(value)))
        self.values.give(value, made)
        return made

    def same(self, blob: Blob, place: int = 0) -> None:
        """Gives out a blob that exists already, in the shape of the output."""
        value = self._result if self._result is not None and not place else self.node.outputs[place]
        self.values.give(value, self.shaped(blob, stored(shape_of(value))))

    def inside(self, name: str, shape: Sequence[int]) -> Blob:
        """A blob between two layers that one node becomes."""
        return Blob(f"{self.node.name}/{name}", tuple(shape))

    def add(
        self,
        kind: str,
        inputs: Sequence[Blob],
        outputs: Sequence[Blob],
        parameters: Parameters | None = None,
        weights: bytes = b"",
        mask: int = 0,
    ) -> None:
        """A layer of the file, see `ParamFile.layer`; `mask` is what it is not to use besides."""
        known = {**(parameters or {}), **masked(mask)}
        self.values.file.layer(kind, self.node.name or kind, inputs, outputs, known, weights)

    def shaped(self, blob: Blob, shape: Shape) -> Blob:
        """The same numbers in another shape."""
        if blob.shape == shape:
            return blob
        made = self.inside("shaped", shape)
        self.add("Reshape", [blob], [made], shape_parameters(shape))
        return made

    def weights(self, array: Array) -> bytes:
        """Weights with a tag: codes, or floats in the bytes that were asked for."""
        return tagged(array, half=self.values.half)
