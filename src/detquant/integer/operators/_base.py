"""The base of all integer operators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

CodeArray = npt.NDArray[Any]
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IntegerOperator:
    """An operator on codes; the base of all of them.

    Attributes:
        name: name of the graph's node.
        inputs: names of the codes that it reads.
        output: name of the codes that it gives.
        low: smallest code that it gives: of the type, or of a bound that the operator takes in.
        high: largest code that it gives, likewise.
    """

    name: str
    inputs: tuple[str, ...]
    output: str
    low: int
    high: int

    def run(self, *codes: CodeArray) -> CodeArray:
        """Computes the codes that it gives from the codes that it reads."""
        raise NotImplementedError

    def saturated(self, numbers: npt.NDArray[np.integer]) -> CodeArray:
        """Numbers brought between the smallest and the largest code; always the last step."""
        return np.asarray(np.clip(numbers, self.low, self.high), np.int32)
