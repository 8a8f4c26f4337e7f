"""OpenCV's DNN module, 4.x and 5.x: ONNX that it reads, run by cv2 itself.

It reads QDQ graphs of 8-bit codes and of float, but no Gemm between them (5.0: "bufidx >= 0"). Which operators it
refuses is known only to its importer, so a model is loaded before anything is said of it. Nothing in it is faster in
8 bits for certain (OpenCV 5.0, x86-64: YOLOv8n loses), so what `quantize` measures is what counts. Its kernels widen
codes to 16 bits before they add products in pairs (4.14 and 5.0, x86-64), so no pair can overflow. Its importer knows
no int4 ("Unsupported data type"), so files hold int8.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
import onnx
import onnx_ir as ir

from detquant.errors import TargetError
from detquant.importers import OwnFile
from detquant.numerics import USUAL_OPS, Capability, eight_bits
from detquant.targets._base import Arrays, Artefact, Runner
from detquant.targets.onnx_file import FILE, OnnxFile

CAPABILITY = Capability(
    name="opencv",
    kernels=eight_bits((USUAL_OPS | {"Mul", "Sigmoid"}) - {"Gemm"}),
    weight_only=frozenset({"Conv"}),
    fused=frozenset({"Relu", "Clip"}),
    activation_steps=frozenset({"silu"}),
)
WEIGHTS_ALONE = (
    "OpenCV gains little from 8-bit activations on many processors: the recipe w8 rounds weights alone, which makes "
    "the file as small and leaves about float's speed; `detquant choose` compares them."
)


class OpenCv(OnnxFile):
    """cv2.dnn on a CPU, with the engine that it chooses itself."""

    name = "opencv"
    title = "OpenCV's DNN module on CPUs: QDQ ONNX"
    extra = None
    package = "opencv-python-headless"
    capability = CAPABILITY

    def remarks(self, runner: Runner) -> tuple[str, ...]:
        """A sentence on weights alone in codes, for models whose rounded activations may cost time."""
        return (WEIGHTS_ALONE,) if isinstance(runner, Net) and runner.rounds else ()

    def open_own(self, own: OwnFile, graph: ir.Model, threads: int = 1) -> Runner | None:
        """An ONNX file that says that it was written for OpenCV, as it is."""
        return self.open(Artefact({FILE: own.path.read_bytes()}), threads) if own.target == self.name else None

    def open(self, artefact: Artefact, threads: int = 1) -> Net:
        """The model in cv2; the number of threads is OpenCV's own, for the whole process.

        Raises:
            TargetError: OpenCV's importer refuses the model.
        """
        cv2.setNumThreads(threads)
        content = artefact.files[FILE]
        graph = onnx.load_from_string(content).graph
        names, taken = ([value.name for value in ends] for ends in (graph.output, graph.input))
        rounds = any(node.op_type == "QuantizeLinear" for node in graph.node)
        try:
            with silent():
                return Net(cv2.dnn.readNetFromONNX(np.frombuffer(content, np.uint8)), names, taken, rounds=rounds)
        except cv2.error as error:
            raise TargetError(
                f"OpenCV {cv2.__version__} cannot read the model: {_sentence(error)}. Choose another target, or keep "
                f"that operator out of the graph."
            ) from error


class Net:
    """A model that OpenCV has read.

    Attributes:
        rounds: whether activations are on grids.
    """

    def __init__(self, net: Any, outputs: Sequence[str], inputs: Sequence[str], *, rounds: bool) -> None:
        self._net, self._outputs, self._inputs = net, list(outputs), list(inputs)
        self.rounds = rounds

    def run(self, feeds: Arrays) -> dict[str, np.ndarray[Any, Any]]:
        """Outputs by name for inputs by name.

        Raises:
            TargetError: OpenCV fails on the way.
        """
        try:
            with silent():
                for name in self._inputs:
                    self._net.setInput(feeds[name], name)
                results = self._net.forward(self._outputs)
        except cv2.error as error:
            raise TargetError(f"OpenCV {cv2.__version__} cannot run the model: {_sentence(error)}.") from error
        return dict(zip(self._outputs, results, strict=True))


@contextmanager
def silent() -> Iterator[None]:
    """Silences OpenCV's log: it tells of every attempt of its importer, and what fails is raised all the same."""
    before = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(before)


def _sentence(error: cv2.error) -> str:
    """A message of OpenCV on one line, without the place in its sources."""
    text = getattr(error, "err", None) or str(error)
    return " ".join(text.split()).rstrip(".") or "no reason given"
