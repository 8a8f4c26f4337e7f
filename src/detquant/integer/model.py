"""A whole model with its network in integers: decoding behind it is the graph's own, in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import onnx_ir as ir

from detquant.graph import prepare
from detquant.graph.cut_decode import cut_decode
from detquant.graph.running import OrtRunner
from detquant.integer.draft import USUAL, Widths
from detquant.integer.graph import IntegerGraph
from detquant.integer.in_ort import OrtNetwork, fastest
from detquant.integer.operators import CodeArray
from detquant.integer.reading import read
from detquant.numerics.arrays import Array


class OwnDecoding:
    """What a graph does with what its network gives, in float.

    Args:
        decode: as `detquant.graph.cut_decode` gives it; None where codes bear the names of the graph's outputs.
        threads: number of threads.

    Attributes:
        runner: the decoding, ready to run; None where there is none.
    """

    def __init__(self, decode: ir.Model | None, threads: int = 1) -> None:
        self.runner = OrtRunner(decode, threads) if decode is not None else None

    def run(
        self, network: IntegerGraph, codes: Mapping[str, CodeArray], feeds: Mapping[str, Array]
    ) -> dict[str, Array]:
        """The graph's outputs by name for the codes that its network gives."""
        found = network.real(codes)
        if self.runner is None:
            return found
        known = {**feeds, **found}
        return self.runner.run({name: known[name] for name in self.runner.input_names})


class IntegerModel:
    """A QDQ graph whose network runs in integers, as NumPy does and ONNX Runtime sooner (`detquant.integer.in_ort`).

    Args:
        qdq: a QDQ graph; what no QuantizeLinear stands behind (decoding, and heads that are kept in float) runs in
            float, all else in integers.
        widths: bits of what the graph says nothing of.
        threads: number of threads.

    Attributes:
        network: the integer operators.

    Raises:
        UnsupportedOperator: an operator of the network runs in float, or has no integer counterpart.
    """

    def __init__(self, qdq: ir.Model, widths: Widths = USUAL, threads: int = 1) -> None:
        network, decode = cut_decode(prepare(qdq))
        self.network: IntegerGraph = read(network, widths)
        self._threads, self._decoding = threads, OwnDecoding(decode, threads)

    @cached_property
    def _fast(self) -> OrtNetwork | IntegerGraph:
        return fastest(self.network, self._threads)

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name for inputs by name, both real."""
        return self._decoding.run(self.network, self._fast.run(feeds), feeds)
