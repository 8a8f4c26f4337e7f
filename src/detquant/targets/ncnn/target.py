"""ncnn, the runtime of Raspberry Pis and phones: its two files, written here, and its own runtime from its wheel.

What is float in these files computes in float32: each layer's mask keeps 16-bit floats out, which ncnn takes by itself
on Arm processors that have them, so what is scored here is computed there. Of a model in fp16 that holds for the
decoding alone, where coordinates need more than 11 bits.
"""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from detquant.errors import MissingExtra, TargetError
from detquant.graph import find_decode_tail, prepare
from detquant.graph.running import OrtRunner
from detquant.graph.saturation import with_saturation
from detquant.graph.values import static_shape
from detquant.importers import OwnFile
from detquant.importers.ncnn.files import split_metadata, with_metadata
from detquant.targets._base import Arrays, Artefact, Runner, Target
from detquant.targets.inside import Timed, precision_of
from detquant.targets.ncnn.capability import CAPABILITY
from detquant.targets.ncnn.runner import Opened
from detquant.targets.ncnn.unrounded import with_unrounded_reads
from detquant.targets.ncnn.walk import lower

PARAM, BIN = "model.param", "model.bin"
TOLD = ("Convolution", "ConvolutionDepthWise", "InnerProduct", "Deconvolution", "DeconvolutionDepthWise", "MatMul")
"""Kinds of layers that a sentence names one by one; the rest is told by its number."""
ARM = ("aarch64", "arm64", "armv7l", "armv8l")


class Ncnn(Target):
    """ncnn on a CPU, without Vulkan."""

    name = "ncnn"
    title = "ncnn on CPUs: param and bin of INT8, FP32 or FP16"
    extra = "ncnn"
    package = "ncnn"
    precisions = ("fp32", "fp16")
    writes = (PARAM, BIN)
    capability = CAPABILITY

    @property
    def untimed(self) -> str | None:
        """That this processor is another than those ncnn is made for, where it is."""
        if platform.machine().lower() in ARM:
            return None
        return f"ncnn is made for Arm, and its kernels for {platform.machine()} are others"

    def lower(self, qdq: ir.Model) -> Artefact:
        """``model.param`` and ``model.bin``.

        Raises:
            UnsupportedOperator: ncnn has no such layer.
        """
        model = with_unrounded_reads(prepare(with_saturation(qdq)))
        param, weights = lower(model)
        return Artefact({PARAM: param, BIN: with_metadata(weights, qdq.metadata_props)})

    def lower_float(self, model: ir.Model, precision: str) -> Artefact:
        """The files of a float graph; fp16 stores weights in half the bytes, and lets the processor compute in it.

        Raises:
            TargetError: the place does not take that precision.
            UnsupportedOperator: ncnn has no such layer.
        """
        self.require(precision)
        ready = prepare(model)
        if precision == "fp16":
            param, weights = lower(ready, half=True, precise=find_decode_tail(ready.graph).nodes)
        else:
            param, weights = lower(ready)
        return Artefact({PARAM: param, BIN: with_metadata(weights, model.metadata_props)})

    def with_metadata(self, artefact: Artefact, entries: Mapping[str, str]) -> Artefact:
        """The files with these entries among those that lie behind the weights of ``model.bin``."""
        weights, known = split_metadata(artefact.files[BIN])
        return Artefact({**artefact.files, BIN: with_metadata(weights, known | dict(entries))}, artefact.beside)

    def remarks(self, runner: Runner) -> tuple[str, ...]:
        """How many layers compute in int8 and in float, and that times are not those of Arm."""
        if not isinstance(runner, Opened):
            return ()
        counts = runner.precisions()
        kinds = {kind: counts[kind] for kind in TOLD if kind in counts}
        rest = sum(sum(found.values()) for kind, found in counts.items() if kind not in TOLD)
        told = [f"{kind} {' '.join(f'{n} {name}' for name, n in found.items())}" for kind, found in kinds.items()]
        ahead = runner.writing_codes()
        more = f"; {ahead} of them write{'s' * (ahead == 1)} codes for the next" if ahead else ""
        ran = f"ncnn {version(self.package)} ran: {', '.join([*told, f'{rest} others float32'])}{more}."
        return (ran, *([f"The latency says nothing about a Raspberry Pi: {self.untimed}."] if self.untimed else []))

    def profile(self, runner: Runner, feed: Arrays, runs: int = 20, seconds: float = 10.0) -> tuple[Timed, ...]:
        """The precision of each layer, as the file has it; nothing is timed."""
        found = runner.operators() if isinstance(runner, Opened) else ()
        return tuple(
            Timed(name=one.name, kind=one.kind, precision=precision_of(one.precision or ""), ms=None) for one in found
        )

    def open_own(self, own: OwnFile, graph: ir.Model, threads: int = 1) -> Runner | None:
        """Files that detquant wrote, as they are.

        ncnn takes it that what a layer reads is as its parameters say, and a file may have been changed since: ONNX
        Runtime, which looks, runs the same layers first, once.

        Raises:
            ModelError: they do not fit together.
        """
        if own.target != self.name:
            return None
        zeros = {value.name or "": np.zeros(static_shape(value) or (), np.float32) for value in graph.graph.inputs}
        OrtRunner(graph, threads, optimisation="none").run(zeros)
        files = {PARAM: own.path.read_bytes(), BIN: own.path.with_suffix(".bin").read_bytes()}
        return self.open(Artefact(files), threads)

    def open(self, artefact: Artefact, threads: int = 1) -> Opened:
        """The model in ncnn, on this many threads.

        Raises:
            MissingExtra: ncnn is not installed.
            TargetError: ncnn cannot open the model.
        """
        package = _ncnn()
        net = package.Net()
        net.opt.num_threads = threads
        net.opt.use_vulkan_compute = False
        with _in_folder(artefact) as folder:
            if net.load_param(str(folder / PARAM)) or net.load_model(str(folder / BIN)):
                raise TargetError("ncnn cannot open the model: its param or its bin is none that it can read.")
        return Opened(net, package, artefact.files[PARAM], threads)


@contextmanager
def _in_folder(artefact: Artefact) -> Iterator[Path]:
    """The files in a folder: what ncnn reads from memory it goes on using there."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in artefact.files.items():
            Path(folder, name).write_bytes(content)
        yield Path(folder)


def _ncnn() -> Any:
    if find_spec("ncnn") is None:
        raise MissingExtra("ncnn", "ncnn")
    import ncnn

    return ncnn
