"""A ``.tflite`` file in LiteRT's interpreter.

LiteRT hands what it can to its XNNPACK delegate, the default on CPUs, in float and in 8 bits; the rest runs in its own
kernels. The feeds are NCHW, as the families make them: inputs that the file has as NHWC are turned here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from detquant.targets._base import Arrays
from detquant.targets.tflite.flatbuffer import SIGNATURE, read_metadata
from detquant.targets.tflite.lowering import LAYOUTS

DELEGATE = "DELEGATE"
NHWC = (0, 2, 3, 1)


class Opened:
    """A model that LiteRT has opened.

    Args:
        interpreter: with its tensors allocated.
        content: of the file.
    """

    def __init__(self, interpreter: Any, content: bytes) -> None:
        self._interpreter = interpreter
        self._signature = interpreter.get_signature_runner(SIGNATURE)
        layouts = read_metadata(content).get(LAYOUTS, {})
        self._turned = frozenset(name for name, layout in layouts.items() if layout == "NHWC")
        self._outputs = tuple(interpreter.get_signature_list()[SIGNATURE]["outputs"])

    def run(self, feeds: Arrays) -> dict[str, np.ndarray[Any, Any]]:
        """Outputs by name for inputs by name.

        Args:
            feeds: as the ONNX model takes them; maps NCHW.
        """
        turned = {
            name: np.ascontiguousarray(array.transpose(NHWC)) if name in self._turned else array
            for name, array in feeds.items()
        }
        results = self._signature(**turned)
        return {name: np.asarray(results[name]) for name in self._outputs}

    def precisions(self) -> Mapping[str, Mapping[str, int]]:
        """How many operators of each kind write int8, float32, ..., as the file has them."""
        details = {one["index"]: np.dtype(one["dtype"]).name for one in self._interpreter.get_tensor_details()}
        found: dict[str, Counter[str]] = {}
        for one in self._interpreter._get_ops_details():
            if one["op_name"] != DELEGATE:
                kind = details.get(int(one["outputs"][0]), "float32")
                found.setdefault(one["op_name"], Counter())[kind] += 1
        return {kind: dict(counts) for kind, counts in found.items()}

    def delegates(self) -> int:
        """How many parts of the graph a delegate runs."""
        return sum(one["op_name"] == DELEGATE for one in self._interpreter._get_ops_details())
