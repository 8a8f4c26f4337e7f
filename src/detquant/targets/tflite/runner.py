"""A ``.tflite`` file in LiteRT's interpreter.

LiteRT hands what it can to its XNNPACK delegate, the default on CPUs, in float and in 8 bits; the rest runs in its own
kernels. Feeds and results are NCHW and real, as the families have them: what the file has as NHWC is turned here, and
what it has as codes goes through its own grids. Decoding that was cut off runs in ONNX Runtime behind it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from detquant.graph.running import OrtRunner
from detquant.numerics import INT8, QType, QuantParams, dequantize
from detquant.numerics.arrays import Array
from detquant.targets._base import Arrays
from detquant.targets.inside import Timed
from detquant.targets.tflite.kernels import INT16
from detquant.targets.tflite.schema import LAYOUTS, SIGNATURE, read_metadata
from detquant.targets.tflite.values import codes_of

DELEGATE = "DELEGATE"
CODES: dict[type, QType] = {np.int8: INT8, np.int16: INT16}
"""Types of codes among the element types of a file."""
ON_THE_FLY = "int8 on the fly"
NHWC = (0, 2, 3, 1)
NCHW = (0, 3, 1, 2)


class Opened:
    """A model that LiteRT has opened.

    Args:
        interpreter: with its tensors allocated.
        content: bytes of the file.
        real: whether codes that the file takes and gives stand for real values, which are to go in and out here.
        decode: what makes the model's outputs of the file's, where these are not the same.

    Attributes:
        content: bytes of the file.
        images: names of its inputs.
        grids: grids of those inputs and outputs that are codes for real values.
    """

    def __init__(
        self, interpreter: Any, content: bytes, *, real: bool = False, decode: OrtRunner | None = None
    ) -> None:
        self.content = content
        self._interpreter, self._decode = interpreter, decode
        self._signature = interpreter.get_signature_runner(SIGNATURE)
        layouts = read_metadata(content).get(LAYOUTS, {})
        self._turned = frozenset(name for name, layout in layouts.items() if layout == "NHWC")
        self._outputs = tuple(interpreter.get_signature_list()[SIGNATURE]["outputs"])
        details = {**self._signature.get_input_details(), **self._signature.get_output_details()}
        self.images = tuple(interpreter.get_signature_list()[SIGNATURE]["inputs"])
        self.grids = {name: _grid(detail) for name, detail in details.items() if real and detail["dtype"] in CODES}

    def run(self, feeds: Arrays) -> dict[str, Array]:
        """Outputs by name for inputs by name.

        Args:
            feeds: arrays by name, as the ONNX model takes them; maps are NCHW.
        """
        results = self._signature(**{name: self._stored(name, feeds[name]) for name in self.images})
        found = {name: self._real(name, np.asarray(results[name])) for name in self._outputs}
        if self._decode is None:
            return found
        known = {**feeds, **found}
        return self._decode.run({name: known[name] for name in self._decode.input_names})

    def _stored(self, name: str, array: Array) -> Array:
        """A feed as the file has it."""
        turned = np.ascontiguousarray(array.transpose(NHWC)) if name in self._turned else array
        return codes_of(turned, self.grids[name]) if name in self.grids else turned

    def _real(self, name: str, array: Array) -> Array:
        """A result of the file as the model has it."""
        real = dequantize(array.astype(np.int32), self.grids[name]) if name in self.grids else array
        return np.ascontiguousarray(real.transpose(NCHW)) if name in self._turned else real

    def operators(self) -> tuple[Timed, ...]:
        """The operators of the file, each with what it writes, or that it rounds floats to int8 as it runs; untimed."""
        tensors = {one["index"]: one for one in self._interpreter.get_tensor_details()}
        found = []
        for one in self._interpreter._get_ops_details():
            if one["op_name"] != DELEGATE:
                written = tensors.get(int(one["outputs"][0]), {})
                kind = _element(written)
                weights = _element(tensors.get(int(one["inputs"][1]), written)) if len(one["inputs"]) > 1 else kind
                kind = ON_THE_FLY if (kind, weights) == ("float32", "int8") else kind
                found.append(Timed(name=str(written.get("name", "")), kind=one["op_name"], precision=kind, ms=None))
        return tuple(found)

    def precisions(self) -> Mapping[str, Mapping[str, int]]:
        """How many operators of each kind write int8, float32, ..., or round floats to int8 as they run."""
        found: dict[str, Counter[str]] = {}
        for one in self.operators():
            found.setdefault(one.kind, Counter())[one.precision or ""] += 1
        return {kind: dict(counts) for kind, counts in found.items()}

    def delegates(self) -> int:
        """How many parts of the graph a delegate runs."""
        return sum(one["op_name"] == DELEGATE for one in self._interpreter._get_ops_details())


def _element(tensor: Mapping[str, Any]) -> str:
    return np.dtype(tensor["dtype"]).name if tensor else "float32"


def _grid(detail: Mapping[str, Any]) -> QuantParams:
    scale, zero_point = detail["quantization"]
    return QuantParams(CODES[detail["dtype"]], np.asarray(scale, np.float32), np.asarray(zero_point, np.int64))
