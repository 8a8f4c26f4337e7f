"""The graph's values as blobs of the file, made when they are written or, of constants, where they are read."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import onnx_ir as ir

from detquant.errors import UnsupportedOperator
from detquant.graph.grids import constant_of, source_of
from detquant.graph.values import static_shape
from detquant.importers.ncnn.files import FEATMASK
from detquant.numerics.arrays import Array
from detquant.targets.ncnn.layout import MOST_AXES, Shape, stored
from detquant.targets.ncnn.param_file import Blob, Parameters, ParamFile, tagged

FULL = 0b111
"""The bits of a layer's mask that leave out 16-bit arithmetic and storage, so that it computes in float32 anywhere."""
PLACES: dict[int, tuple[int, ...]] = {1: (0,), 2: (1, 0), 3: (2, 1, 0), 4: (2, 11, 1, 0)}
"""Parameters that hold a shape, outermost axis first, by the number of axes: of Input, MemoryData and Reshape."""


class Values:
    """The blobs in which the values of a graph lie.

    Args:
        file: the file that is written.
        half: whether float weights take 16 bits.
        precise: nodes whose layers compute in float32 on processors that have 16-bit floats; None for all.

    Attributes:
        file: the file that is written.
        half: whether float weights take 16 bits.
        codes: blobs of codes that a layer has written for the next, by the codes of the graph.
    """

    def __init__(self, file: ParamFile, *, half: bool, precise: Collection[ir.Node] | None) -> None:
        self.file, self.half = file, half
        self.codes: dict[ir.Value, Blob] = {}
        self._blobs: dict[ir.Value, Blob] = {}
        self._precise = None if precise is None else set(precise)

    def mask(self, node: ir.Node | None) -> int:
        """What the layers of a node are not to use."""
        return FULL if self._precise is None or (node is not None and node in self._precise) else 0

    def give(self, value: ir.Value, blob: Blob) -> None:
        """Makes known that a value lies in a blob, in the shape that `stored` gives."""
        self._blobs[value] = blob

    def read(self, value: ir.Value) -> Blob:
        """The blob of a value, in float."""
        if value not in self._blobs:
            known, codes = constant_of(value), source_of(value)
            quantize = codes.value.producer() if codes is not None else None
            if known is not None:
                return self.constant(value.name or "constant", known, stored(known.shape))
            assert quantize is not None and quantize.inputs[0] is not None, value
            return self.read(quantize.inputs[0])
        return self._blobs[value]

    def constant(self, name: str, array: Array, shape: Shape, node: ir.Node | None = None) -> Blob:
        """A constant of the file, where it is read."""
        if not np.issubdtype(array.dtype, np.floating):
            array = array.astype(np.float32)
        made = Blob(name, shape)
        parameters: Parameters = {**shape_parameters(shape), 21: 0, **self.masked(node)}
        half = self.half and not self.mask(node)
        self.file.layer("MemoryData", name, [], [made], parameters, tagged(array, half=half))
        return made

    def masked(self, node: ir.Node | None, more: int = 0) -> dict[int, int]:
        """The parameter of the mask, where there is anything to mask."""
        mask = self.mask(node) | more
        return {FEATMASK: mask} if mask else {}


def shape_parameters(shape: Shape) -> dict[int, int]:
    """A shape as parameters of a layer."""
    return dict(zip(PLACES[len(shape)], shape, strict=True))


def shape_of(value: ir.Value) -> Shape:
    """The static shape of a value.

    Raises:
        UnsupportedOperator: it has none, or more axes than ncnn has.
    """
    shape, node = static_shape(value), value.producer()
    who = f"{node.op_type} '{node.name}'" if node is not None else "the model's input"
    if shape is None:
        raise UnsupportedOperator(
            f"The shape of '{value.name}', which comes from {who}, depends on the image, and a file for ncnn has "
            f"shapes that are known: give the image's size with --imgsz, or leave that operator out of the graph."
        )
    if len(stored(shape)) > MOST_AXES:
        raise UnsupportedOperator(
            f"'{value.name}', which comes from {who}, has the shape {list(shape)}: ncnn has {MOST_AXES} axes and no "
            f"batch. Leave that operator out of the graph, or choose another target."
        )
    return shape
