"""LiteRT, which was TensorFlow Lite, on CPUs.

A ``.tflite`` file of detquant has NHWC float32 images as input, since that is what everything made for TFLite feeds;
its outputs have the names, shapes and meaning of the ONNX model's. The signature "serving_default" names both. The
metadata entry "detquant" holds what the ONNX file told about itself, as JSON.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import onnx_ir as ir

from detquant.errors import MissingExtra, TargetError
from detquant.graph import prepare
from detquant.graph.affine_as_conv import affine_as_conv
from detquant.graph.dense_transpose import dense_transpose
from detquant.graph.running import OrtRunner
from detquant.graph.saturation import with_saturation
from detquant.graph.values import static_shape
from detquant.importers import OwnFile
from detquant.importers.tflite.flatbuffer import DAMAGE
from detquant.targets._base import Arrays, Artefact, Runner, Target
from detquant.targets.inside import RUNS, SECONDS, Timed, precision_of
from detquant.targets.own_ports import TO_LAST
from detquant.targets.tflite.capability import CAPABILITY
from detquant.targets.tflite.own_file import OwnTfLite
from detquant.targets.tflite.runner import Opened
from detquant.targets.tflite.schema import LAYOUTS, read_metadata, schema
from detquant.targets.tflite.walk import lower

FILE = "model.tflite"
TOLD = (
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "TRANSPOSE_CONV",
    "FULLY_CONNECTED",
    "LOGISTIC",
    "MUL",
    "ADD",
    "LEAKY_RELU",
    "PRELU",
    "CONCATENATION",
    "MAX_POOL_2D",
    "TRANSPOSE",
    "QUANTIZE",
    "DEQUANTIZE",
)


class TfLite(Target):
    """LiteRT's interpreter with its default delegate, XNNPACK."""

    name = "tflite"
    title = "LiteRT on CPUs: TFLite of INT8, FP32 or FP16"
    extra = "tflite"
    package = "ai-edge-litert"
    precisions: tuple[str, ...] = ("fp32", "fp16")
    writes: tuple[str, ...] = (FILE,)
    capability = CAPABILITY

    def rewrite(self, model: ir.Model) -> ir.Model:
        """The graph with operators that have integer kernels in place of those that have none; see the passes."""
        return affine_as_conv(dense_transpose(model))

    def lower(self, qdq: ir.Model) -> Artefact:
        """``model.tflite``, with builtin operators only.

        Raises:
            MissingExtra: LiteRT is not installed.
            UnsupportedOperator: there is no such builtin operator.
        """
        return Artefact({FILE: lower(dense_transpose(prepare(with_saturation(qdq))))})

    def lower_float(self, model: ir.Model, precision: str) -> Artefact:
        """``model.tflite`` of a float graph; fp16 stores weights in half the bytes and computes in float32."""
        self.require(precision)
        return Artefact({FILE: lower(dense_transpose(prepare(model)), half=precision == "fp16")})

    def remarks(self, runner: Runner) -> tuple[str, ...]:
        """How many operators the file has in which precision, and whether XNNPACK took a part of them."""
        if not isinstance(runner, Opened):
            return ()
        counts, parts = runner.precisions(), runner.delegates()
        kinds = {kind: counts[kind] for kind in TOLD if kind in counts}
        told = (f"{kind} {' '.join(f'{n} {name}' for name, n in found.items())}" for kind, found in kinds.items())
        where = f"XNNPACK ran {parts} part{'s' * (parts != 1)} of the graph" if parts else "no delegate took part"
        return (f"LiteRT {version(self.package)} has: {', '.join(told)}; {where}.",)

    def profile(self, runner: Runner, feed: Arrays, runs: int = RUNS, seconds: float = SECONDS) -> tuple[Timed, ...]:
        """The precision of each operator as the interpreter has it; nothing is timed."""
        operators = runner.operators() if isinstance(runner, Opened) else ()
        return tuple(replace(one, precision=precision_of(one.precision or "")) for one in operators)

    def open(self, artefact: Artefact, threads: int = 1) -> Opened:
        """An interpreter with XNNPACK, on this many threads.

        Raises:
            MissingExtra: LiteRT is not installed.
            TargetError: LiteRT cannot open the model.
        """
        content = artefact.files[FILE]
        return Opened(self.interpreter(content, threads), content)

    def open_own(self, own: OwnFile, graph: ir.Model, threads: int = 1) -> Runner | None:
        """A .tflite as it is; one of detquant's own with what its metadata says, and the decoding beside it."""
        if own.target != TfLite.name:
            return None
        content = own.path.read_bytes()
        if _is_ours(content):
            behind = OrtRunner(own.decode.read_bytes(), threads) if own.decode is not None else None
            return Opened(self.interpreter(content, threads), content, real=True, decode=behind)
        image = next(iter(graph.graph.inputs))
        return OwnTfLite(self.interpreter(content, threads, static_shape(image)), own, graph)

    def interpreter(
        self, content: bytes, threads: int, size: tuple[int, ...] | None = None, reference: bool = False
    ) -> Any:
        """LiteRT's own, its tensors allocated.

        Args:
            content: bytes of the file.
            threads: number of threads.
            size: of its input, where the file leaves it open.
            reference: whether the kernels are those that others are held to, plain loops, instead of the fast ones.

        Raises:
            MissingExtra: LiteRT is not installed.
            TargetError: LiteRT cannot open the model.
        """
        try:
            opened = _interpreter()(
                model_content=content, num_threads=threads, experimental_op_resolver_type=_kernels(reference)
            )
            if size is not None:
                _resize(opened, size)
            opened.allocate_tensors()
            return opened
        except (RuntimeError, ValueError) as error:
            raise TargetError(f"LiteRT cannot open the model: {_first_line(error)}.") from error


def _interpreter() -> Any:
    if find_spec("ai_edge_litert") is None:
        raise MissingExtra("LiteRT", "tflite")
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter


def _kernels(reference: bool) -> Any:
    from ai_edge_litert.interpreter import OpResolverType

    return OpResolverType.BUILTIN_REF if reference else OpResolverType.AUTO


def _is_ours(content: bytes) -> bool:
    """Whether a file says how its tensors lie, as what detquant writes does."""
    try:
        return LAYOUTS in read_metadata(content) and schema().Model.GetRootAs(content).SignatureDefsLength() == 1
    except DAMAGE:
        return False


def _resize(opened: Any, size: tuple[int, ...]) -> None:
    """Gives one image input, of free dimensions, the sides of the graph's."""
    [image, *others] = opened.get_input_details()
    asked = list(image["shape_signature"])
    if others or -1 not in asked or len(asked) != len(size):
        return
    for wanted in (size, tuple(size[axis] for axis in TO_LAST) if len(size) == 4 else size):
        if all(free in (-1, side) for free, side in zip(asked, wanted, strict=True)):
            opened.resize_tensor_input(image["index"], list(wanted), strict=True)
            return


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__
