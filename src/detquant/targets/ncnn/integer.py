"""Layers of int8: what ncnn reads beside their codes.

``int8_scale_term`` says how: 2 for a scale for each output channel of a Convolution or InnerProduct, 1 for one for
each group of a ConvolutionDepthWise, which is the same where each channel is a group; 100 more where codes are written.
Then follow in ``.bin``, behind codes and bias, the scales of weights, of the input and, in the last case, of the
result, each as what a number is multiplied by: ``1 / scale``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from detquant.errors import UnsupportedOperator
from detquant.graph.grids import Stored, source_of, stored_codes
from detquant.graph.values import is_op
from detquant.numerics import QuantParams
from detquant.numerics.arrays import Array, Floats
from detquant.targets.ncnn.param_file import Blob, bare
from detquant.targets.ncnn.site import Site
from detquant.targets.ncnn.unrounded import reads_codes

WRITES = 100
"""What ``int8_scale_term`` is more by where the layer writes codes."""


@dataclass(frozen=True, slots=True)
class Integer:
    """A layer on codes.

    Attributes:
        weight: its weight, in the order that ONNX has.
        scales: scale of each output channel.
        scale: scale of its input.
        source: the codes of its input, as the graph has them.
    """

    weight: Array
    scales: Floats
    scale: float
    source: ir.Value

    def tail(self, site: Site) -> bytes:
        """What follows codes and bias in ``.bin``."""
        last = bare(np.float32(1) / np.float32(site.written[1])) if site.written is not None else b""
        return bare(1 / self.scales, np.float32(1) / np.float32(self.scale)) + last

    def read(self, site: Site) -> Blob:
        """Its input: codes where the layer before writes them, else floats, which it rounds itself."""
        quantize = self.source.producer()
        assert quantize is not None and quantize.inputs[0] is not None
        return site.values.codes.get(self.source) or site.values.read(quantize.inputs[0])


def integer(site: Site, channels: int) -> Integer | None:
    """What the layer is on codes; None where it computes in float.

    Args:
        site: the operator.
        channels: output channels of its weight.

    Raises:
        UnsupportedOperator: its grids are none that ncnn has.
    """
    if not reads_codes(site.node):
        return None
    source, weight = source_of(site.node.inputs[0]), stored_codes(site.node.inputs[1])
    assert source is not None and weight is not None
    for grid in (source.grid, weight.grid):
        if grid.qtype.bits > 8 or not grid.qtype.signed or grid.zero_point.any():
            raise _other_grid(site, f"{grid.qtype} codes" + " with a zero point" * bool(grid.zero_point.any()))
    if weight.grid.axis is not None and weight.grid.scale.size != channels:
        raise _other_grid(site, f"weights with {weight.grid.scale.size} scales for {channels} output channels")
    scales = np.broadcast_to(np.asarray(weight.grid.scale, np.float32).reshape(-1), (channels,))
    return Integer(_int8(weight), scales, float(source.grid.scale), source.value)


def _int8(weight: Stored) -> Array:
    return np.asarray(weight.codes, np.int8)


def _other_grid(site: Site, what: str) -> UnsupportedOperator:
    return UnsupportedOperator(
        f"{site.node.op_type} '{site.node.name}' has {what}, and ncnn's integer layers take signed codes of at most 8 "
        f"bits around zero, weights with a scale for each output channel: choose a recipe with such grids."
    )


def written_codes(node: ir.Node, result: ir.Value) -> tuple[ir.Value, float] | None:
    """The codes that an integer convolution writes instead of floats, and their scale; None where floats are read.

    Args:
        node: the operator.
        result: what it gives, the activation inside the layer included.
    """
    uses = list(result.uses())
    if result.is_graph_output() or len(uses) != 1 or not is_op(uses[0].node, "QuantizeLinear"):
        return None
    if not (_is_simple(node) and reads_codes(node)):
        return None
    codes = uses[0].node.outputs[0]
    readers = [use.node for dq in codes.uses() for use in dq.node.outputs[0].uses()]
    grids = {_key(dq.node) for dq in codes.uses()}
    if not readers or len(grids) != 1 or not all(_is_simple(one) and reads_codes(one) for one in readers):
        return None
    source = source_of(next(iter(codes.uses())).node.outputs[0])
    return None if source is None else (codes, float(source.grid.scale))


def _is_simple(node: ir.Node) -> bool:
    """Whether an operator is one Convolution, or one ConvolutionDepthWise with a channel a group."""
    weight = stored_codes(node.inputs[1]) if is_op(node, "Conv") else None
    if weight is None:
        return False
    groups, (out, inputs) = node.attributes.get_int("group", 1), weight.codes.shape[:2]
    return groups == 1 or (inputs == 1 and out == groups)


def _key(node: ir.Node) -> tuple[bytes, bytes] | None:
    found = source_of(node.outputs[0])
    grid: QuantParams | None = None if found is None else found.grid
    return None if grid is None else (grid.scale.tobytes(), grid.zero_point.tobytes())
