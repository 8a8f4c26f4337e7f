"""Run a graph with ONNX Runtime on the CPU, and look inside it.

The runtime's own log is silenced: whatever it has to say that matters comes as an exception, and that
becomes one sentence.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import onnx_ir as ir
import onnxruntime as ort
from google.protobuf.message import EncodeError
from onnxruntime.capi import onnxruntime_pybind11_state as ort_state

from detquant.errors import ModelError
from detquant.graph.loops import bounded, has_loops
from detquant.graph.values import static_shape
from detquant.numerics.arrays import Array

Optimisation = Literal["all", "extended", "basic", "none"]

_LEVELS = {
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "none": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
}
AS_WRITTEN: Optimisation = "basic"
"""Q and DQ compute in float, as they are written; higher levels put integer kernels in their place."""
_ONLY_FATAL = 4
_ERRORS: tuple[type[Exception], ...] = (
    ort_state.EPFail,
    ort_state.Fail,
    ort_state.InvalidArgument,
    ort_state.InvalidGraph,
    ort_state.InvalidProtobuf,
    ort_state.NotImplemented,
    ort_state.RuntimeException,
    RuntimeError,
    ValueError,
)


def emulating(*, limited: bool) -> Optimisation:
    """How far the runtime may rewrite a QDQ graph that is made for a place, when it stands in for it.

    Integer kernels of ONNX Runtime add products of 8 bits in pairs in 16 bits, saturating, on processors without VNNI:
    they compute what the graph says only where weights are limited for that.

    Args:
        limited: whether no pair can overflow, as `Capability.pair_saturation` has it.
    """
    return "all" if limited else AS_WRITTEN


def as_bytes(model: ir.Model) -> bytes:
    """The model as an ONNX file: the same model, the same bytes.

    Raises:
        ModelError: it is larger than such a file can be.
    """
    try:
        content: bytes = ir.to_proto(model).SerializeToString(deterministic=True)
        return content
    except EncodeError as error:
        raise ModelError("The model is larger than 2 GB, which is more than one ONNX file can hold.") from error


def session(
    model: ir.Model | bytes,
    *,
    threads: int = 1,
    optimisation: Optimisation = "all",
    keep: Path | None = None,
    profile: Path | None = None,
) -> ort.InferenceSession:
    """Open a model in ONNX Runtime.

    Args:
        model: the model, or the bytes of its file.
        threads: threads within one operator; operators run one after the other.
        optimisation: how far the runtime may rewrite the graph.
        keep: file to write the rewritten graph to, or None.
        profile: how the name of the file begins that the time of each operator is written to, or None.

    Raises:
        ModelError: the runtime refuses the model.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ONLY_FATAL
    # A planned block for all of a run's activations reuses nothing: it took 690 MB where 430 do, and no less time.
    options.enable_mem_pattern = False
    options.graph_optimization_level = _LEVELS[optimisation]
    if keep is not None:
        options.optimized_model_filepath = str(keep)
    if profile is not None:
        options.enable_profiling, options.profile_file_prefix = True, str(profile)
    content = model if isinstance(model, bytes) else as_bytes(model)
    try:
        return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except _ERRORS as error:
        raise ModelError(f"ONNX Runtime refuses the model: {_sentence(error)}") from error


def optimised(model: ir.Model | bytes) -> bytes:
    """The graph as ONNX Runtime rewrites it, as far as that does not depend on the processor.

    Args:
        model: the model, or the bytes of its file.

    Raises:
        ModelError: the runtime refuses the model.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "optimised.onnx")
        session(model, optimisation="extended", keep=path)
        return path.read_bytes()


class OrtRunner:
    """A model that is ready to run: feeds in, outputs out, both by name."""

    def __init__(
        self,
        model: ir.Model | bytes,
        threads: int = 1,
        *,
        optimisation: Optimisation = "all",
        profile: Path | None = None,
    ) -> None:
        content = model if isinstance(model, bytes) else as_bytes(model)
        self._made_of = model, threads, optimisation
        self._session = session(content, threads=threads, optimisation=optimisation, profile=profile)
        self._has_loops = has_loops(content)
        self.input_names: tuple[str, ...] = tuple(value.name for value in self._session.get_inputs())
        self.output_names: tuple[str, ...] = tuple(value.name for value in self._session.get_outputs())

    def __reduce__(self) -> tuple[Callable[..., OrtRunner], tuple[type[OrtRunner], bytes, int, Optimisation]]:
        """Travels as the bytes of its model, which another process opens once, however often they come."""
        _, threads, optimisation = self._made_of
        return _opened, (type(self), self.content, threads, optimisation)

    @property
    def content(self) -> bytes:
        """The bytes of the model's file."""
        model = self._made_of[0]
        return model if isinstance(model, bytes) else as_bytes(model)

    def watched(self, profile: Path) -> Self:
        """The same model, opened once more with the runtime's profiler.

        Args:
            profile: how the name of the profiler's file begins.

        Raises:
            ModelError: the runtime refuses the model.
        """
        _, threads, optimisation = self._made_of
        return type(self)(self.content, threads, optimisation=optimisation, profile=profile)

    def end_profiling(self) -> str:
        """Ends the profiler; gives the path of its file."""
        return str(self._session.end_profiling())

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Runs the model once.

        Args:
            feeds: an array for each input.

        Returns:
            An array for each output.

        Raises:
            ModelError: a feed is missing or does not fit, or the run fails, or has a loop and does not end.
        """
        missing = [name for name in self.input_names if name not in feeds]
        if missing:
            raise ModelError(f"The model's input '{missing[0]}' was given nothing.")
        try:
            with bounded() if self._has_loops else nullcontext() as options:
                results: Sequence[Any] = self._session.run(list(self.output_names), dict(feeds), options)
        except _ERRORS as error:
            raise ModelError(f"ONNX Runtime cannot run the model: {_sentence(error)}") from error
        return {name: np.asarray(result) for name, result in zip(self.output_names, results, strict=True)}


@lru_cache(maxsize=2)
def _opened(kind: type[OrtRunner], content: bytes, threads: int, optimisation: Optimisation) -> OrtRunner:
    return kind(content, threads, optimisation=optimisation)


def with_taps(model: ir.Model, names: Iterable[str]) -> ir.Model:
    """A copy of the model that also gives out the named values.

    Left out, for they cannot be given out or compared between runs: values inside subgraphs, values whose
    shape is not static, and initializers. Graph inputs are left out too: the caller has them.

    Args:
        model: a prepared model; it is not changed and shares its weights with the copy.
        names: names of values.

    Raises:
        ModelError: no value of that name exists anywhere in the model.
    """
    copy = model.clone()
    values = ir.convenience.create_value_mapping(copy.graph)
    outputs = set(copy.graph.outputs)
    inner: set[str | None] | None = None
    for name in names:
        value = values.get(name)
        if value is None:
            if inner is None:
                inner = {out.name for graph in copy.graph.subgraphs() for node in graph for out in node.outputs}
            if name not in inner:
                raise ModelError(f"The model has no value '{name}' to look at.")
        elif value.producer() is not None and value not in outputs and static_shape(value) is not None:
            copy.graph.outputs.append(value)
            outputs.add(value)
    return copy


def _sentence(error: Exception) -> str:
    """The first line of what the runtime says, without its error code."""
    text = str(error).strip() or type(error).__name__
    line = text.splitlines()[0]
    if line.startswith("[ONNXRuntimeError]"):  # ... : 10 : INVALID_GRAPH : what it has to say
        line = line.split(" : ", 3)[-1]
    return line.strip().rstrip(".") + "."
