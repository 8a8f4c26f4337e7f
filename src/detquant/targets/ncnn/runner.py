"""A model in ncnn's own runtime, and what its ``.param`` says of the precision of its layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from detquant.errors import TargetError
from detquant.numerics.arrays import Array
from detquant.targets._base import Arrays
from detquant.targets.inside import Timed
from detquant.targets.ncnn.integer import WRITES

TERM = {"Convolution": 8, "ConvolutionDepthWise": 8, "InnerProduct": 8}
"""The parameter of a layer that says that it is of int8."""
MOVES = frozenset({"Input", "MemoryData", "Split", "Noop", "Reshape"})
"""Layers that compute nothing and are not told of."""


class Opened:
    """A model that ncnn has opened.

    Args:
        net: the `ncnn.Net`.
        package: the module `ncnn`.
        param: the contents of ``.param``.
        threads: number of threads.
    """

    def __init__(self, net: Any, package: Any, param: bytes, threads: int) -> None:
        self._net, self._ncnn, self.threads = net, package, threads
        self._layers = [line.split() for line in param.decode().splitlines()[2:]]
        self.inputs: Sequence[str] = [words[4] for words in self._layers if words[0] == "Input"]
        self.outputs: Sequence[str] = list(net.output_names())

    def run(self, feeds: Arrays) -> dict[str, Array]:
        """Outputs by name for inputs by name, each with a batch of 1, which ncnn does not have.

        Raises:
            TargetError: ncnn fails on the way.
        """
        extractor = self._net.create_extractor()
        for name in self.inputs:
            image = np.ascontiguousarray(feeds[name][0], np.float32)
            if extractor.input(name, self._ncnn.Mat(image).clone()):
                raise TargetError(f"ncnn does not take the input '{name}' of the shape {list(feeds[name].shape)}.")
        found: dict[str, Array] = {}
        for name in self.outputs:
            code, result = extractor.extract(name)
            if code:
                raise TargetError(f"ncnn cannot compute the output '{name}': it ends with code {code}.")
            found[name] = np.array(result, np.float32)[None]
        return found

    def operators(self) -> tuple[Timed, ...]:
        """The layers that compute, each with its precision; untimed, for the package has no clock of layers."""
        return tuple(
            Timed(name=words[1], kind=words[0], precision="int8" if _term(words) else "float32", ms=None)
            for words in self._layers
            if words[0] not in MOVES
        )

    def precisions(self) -> Mapping[str, Mapping[str, int]]:
        """How many layers of each kind compute in int8 and in float32."""
        found: dict[str, Counter[str]] = {}
        for one in self.operators():
            found.setdefault(one.kind, Counter())[one.precision or ""] += 1
        return {kind: dict(counts) for kind, counts in found.items()}

    def writing_codes(self) -> int:
        """How many layers write codes for the next one."""
        return sum(_term(words) > WRITES for words in self._layers)


def _term(words: Sequence[str]) -> int:
    """``int8_scale_term`` of a layer; 0 where it computes in float."""
    number = TERM.get(words[0])
    given = dict(word.split("=", 1) for word in words[4:] if "=" in word)
    return int(given.get(str(number), 0)) if number is not None else 0
