"""OpenVINO on a CPU: an INT8 IR, made from the QDQ graph.

What the facts rest on (OpenVINO 2026.4, x86-64):

* Conv, SiLU and the quantisation of their result run as one kernel from 8 bits to 8 bits when no grid stands between
  the convolution and SiLU; a grid there makes an element-wise subgraph of each activation.
* A convolution in 8 bits may write float, without a grid, to those who read it in float.
* Concat, Interpolate, MaxPool and Split pass 8 bits through when all they touch shares one grid.
* A Clip before a quantisation is folded into the kernel: codes of fewer than 8 bits cost nothing. Codes of 16 bits make
  everything run in float.
* Processors without VNNI add u8 x s8 products in pairs in 16 bits, saturating, as in ONNX Runtime.
* Processors with AMX multiply 8 bits and bfloat16 in tiles, so fast that SiLU and what surrounds it takes most of the
  time: float in bfloat16 is about as fast there as 8 bits. A zero point costs each convolution with a border about a
  fifth; signed grids have none. On processors without AMX, OpenVINO computes signed grids wrongly.

Float operators run in float32: left alone, OpenVINO takes bfloat16 where the processor has it.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from detquant.errors import MissingExtra, TargetError
from detquant.graph.feeding import Taken, fit, in_float
from detquant.graph.four_bit_storage import with_four_bit_storage
from detquant.graph.joined_tokens import with_tokens_joined_as_maps
from detquant.graph.repeated_grids import without_repeated_grids
from detquant.graph.running import as_bytes
from detquant.graph.saturation import with_saturation
from detquant.graph.values import constant, is_op
from detquant.importers import OwnFile
from detquant.numerics import USUAL_OPS, Capability, up_to_eight_bits
from detquant.targets import openvino_inside, openvino_metadata
from detquant.targets._base import Arrays, Artefact, Runner, Target
from detquant.targets.inside import RUNS, SECONDS, Timed
from detquant.targets.openvino_file import OwnIr, as_imported

SIXTEEN = frozenset({16})
CAPABILITY = Capability(
    name="openvino",
    kernels=up_to_eight_bits(USUAL_OPS, more=SIXTEEN),
    float_bits=SIXTEEN,
    stored_bits=4,
    fused=frozenset({"Relu", "Clip", "LeakyRelu"}),
    fused_after_add=frozenset({"Relu", "Clip", "LeakyRelu"}),
    fused_activations=frozenset({"silu", "hardswish", "mish"}),
    float_results=True,
    pair_saturation=True,
)
XML, BIN = "model.xml", "model.bin"
KERNEL = "primitiveType"
SIGNED = "Its grids are signed: OpenVINO computes these rightly on processors with AMX alone."
TILES = {
    "I8": "The processor has AMX, where OpenVINO runs float models in bfloat16 unless told otherwise, about as fast as "
    "8 bits: `detquant choose` compares them. The recipe w8a8-symmetric, without zero points, is faster there.",
    "i8": f"{SIGNED} Run it on no other.",
}
"""What there is to say of AMX's kernels, by the end of their names: I8 has unsigned codes, i8 signed ones."""
TOLD = ("Convolution", "FullyConnected", "MatMul", "Eltwise", "Concatenation", "Interpolate", "Pooling", "Subgraph")


class OpenVino(Target):
    """OpenVINO, CPU plugin, float parts in float32."""

    name = "openvino"
    title = "OpenVINO on CPUs: IR of INT8, FP32 or FP16"
    extra = "openvino"
    package = "openvino"
    keeps_ends = True
    precisions = ("fp32", "fp16")
    writes = (XML, BIN)
    capability = CAPABILITY

    def lower(self, qdq: ir.Model) -> Artefact:
        """``model.xml`` and ``model.bin``: the graph as OpenVINO reads it, with the file's metadata as its own.

        Weights of at most 4 bits are stored in 4, and widened to 8 by an operator that the plugin folds: read as 4 bits
        directly, each convolution would run in float.

        Raises:
            MissingExtra: OpenVINO is not installed.
            TargetError: OpenVINO cannot read the graph.
        """
        rounded = without_repeated_grids(with_tokens_joined_as_maps(with_saturation(qdq)))
        return save(read(with_four_bit_storage(rounded)))

    def lower_float(self, model: ir.Model, precision: str) -> Artefact:
        """The IR of a float graph; fp16 halves the file, and the plugin computes in what it is told when opened."""
        self.require(precision)
        return save(read(model), fp16=precision == "fp16")

    def with_metadata(self, artefact: Artefact, entries: Mapping[str, str]) -> Artefact:
        """The IR with these entries in its `rt_info`, where the file's other metadata are."""
        with tempfile.TemporaryDirectory() as folder:
            for name, content in artefact.files.items():
                Path(folder, name).write_bytes(content)
            model = _read_ir(Path(folder, XML))
            openvino_metadata.add(model, entries)
            return save(model)

    def remarks(self, runner: Runner) -> tuple[str, ...]:
        """Which precision the layers ran in, as the plugin says itself; where it has AMX, what is faster."""
        if not isinstance(runner, Compiled):
            return ()
        counts = runner.precisions()
        kinds = {kind: counts[kind] for kind in TOLD if kind in counts}
        told = (f"{kind} {' '.join(f'{n} {name}' for name, n in found.items())}" for kind, found in kinds.items())
        ran = f"OpenVINO {_openvino().__version__.split('-')[0]} ran: {', '.join(told)}."
        ends = {kernel[-2:] for kernel in runner.kernels() if "amx" in kernel}
        return (ran, *[said for end, said in TILES.items() if end in ends][-1:])

    def profile(self, runner: Runner, feed: Arrays, runs: int = RUNS, seconds: float = SECONDS) -> tuple[Timed, ...]:
        """Precision and time of each layer, by the plugin's own graph and counters."""
        return runner.profile(feed, runs, seconds) if isinstance(runner, Compiled | OwnIr) else ()

    def known_faults(self, qdq: ir.Model) -> str:
        """That grids of activations are signed, where some are."""
        zeros = (constant(node.inputs[2]) for node in qdq.graph if is_op(node, "QuantizeLinear") and node.inputs[2:])
        return SIGNED if any(zero is not None and zero.dtype.name.startswith("int") for zero in zeros) else ""

    def open_float(self, model: ir.Model, threads: int = 1) -> Iterator[tuple[str, Artefact, Runner]]:
        """Opens the graph in float32, in bfloat16 where the processor has it (the default there), and in fp16 files."""
        full, half = self.lower_float(model, "fp32"), self.lower_float(model, "fp16")
        yield "fp32", full, self.open(full, threads)
        if "BF16" in _openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            yield "fp32 in bf16", full, self.open(full, threads, compute="bf16")
        yield "fp16", half, self.open(half, threads)

    def open(self, artefact: Artefact, threads: int = 1, *, compute: str = "f32") -> Compiled:
        """A compiled model on one stream.

        Args:
            artefact: artefact of this target.
            threads: number of threads of the plugin.
            compute: precision of the float parts, "f32" or "bf16".

        Raises:
            MissingExtra: OpenVINO is not installed.
            TargetError: OpenVINO cannot compile the model.
        """
        with tempfile.TemporaryDirectory() as folder:
            for name, content in artefact.files.items():
                Path(folder, name).write_bytes(content)
            return _compiled(_read_ir(Path(folder, XML)), threads, compute)

    def open_own(self, own: OwnFile, graph: ir.Model, threads: int = 1) -> Runner | None:
        """An IR as it is, compiled for the image size of the graph."""
        if own.target != self.name:
            return None
        model = as_imported(_read_ir(own.path), graph)
        compiled = _compiled(model, threads, "f32")
        return OwnIr(compiled, model, compiled.names, graph)


class Compiled:
    """A model that OpenVINO has compiled.

    Args:
        compiled: the `openvino.CompiledModel`.
        names: names of its outputs, in order.
        again: compiles it once more, with counters of time.

    Attributes:
        names: names of its outputs, in order.
    """

    def __init__(self, compiled: Any, names: Sequence[str], again: Callable[[], Any]) -> None:
        self._compiled, self._again = compiled, again
        self._request = compiled.create_infer_request()
        self.names = list(names)
        self._taken = {name: _taken(port) for port in compiled.inputs for name in port.get_names()}

    def fit(self, feeds: Arrays) -> Arrays:
        """The feeds as the file takes them; `run` would do it too."""
        return fit(feeds, self._taken)

    def run(self, feeds: Arrays) -> dict[str, np.ndarray[Any, Any]]:
        """Outputs by name for inputs by name."""
        results = self._request.infer(dict(self.fit(feeds)), share_inputs=True)
        return in_float({name: np.array(results[place]) for place, name in enumerate(self.names)})

    def profile(self, feeds: Arrays, runs: int, seconds: float) -> tuple[Timed, ...]:
        """The time of each layer, see `detquant.targets.openvino_inside`."""
        return openvino_inside.profile(self._again(), self.fit(feeds), runs, seconds)

    def precisions(self) -> Mapping[str, Mapping[str, int]]:
        """How many layers of each kind the plugin runs in each precision, as it says itself."""
        found: dict[str, Counter[str]] = {}
        for layer in self._compiled.get_runtime_model().get_ordered_ops():
            facts = layer.get_rt_info()
            kind, precision = (facts[key].astype(str) for key in (openvino_inside.KIND, openvino_inside.PRECISION))
            found.setdefault(kind, Counter())[precision] += 1
        return {kind: dict(counts) for kind, counts in found.items()}

    def kernels(self) -> set[str]:
        """Names of the kernels that the plugin has chosen, such as "brgconv_avx512_amx_I8"."""
        layers = self._compiled.get_runtime_model().get_ordered_ops()
        return {facts[KERNEL].astype(str) for facts in (one.get_rt_info() for one in layers) if KERNEL in facts}


def _taken(port: Any) -> Taken:
    shape = port.get_partial_shape()
    sizes = [size.get_length() if size.is_static else None for size in shape]
    return Taken(np.dtype(port.get_element_type().to_dtype()), sizes)


def read(graph: ir.Model) -> Any:
    """A graph as OpenVINO reads it, an `openvino.Model`, with the graph's metadata as its own.

    Raises:
        MissingExtra: OpenVINO is not installed.
        TargetError: OpenVINO cannot read the graph.
    """
    try:
        model = _openvino().Core().read_model(as_bytes(openvino_metadata.for_converter(graph)))
    except RuntimeError as error:
        raise TargetError(f"OpenVINO cannot read the graph: {_first_line(error)}.") from error
    openvino_metadata.write(model, graph.metadata_props)
    for number, node in enumerate(model.get_ordered_ops()):
        if node.get_friendly_name() == node.get_name():  # made up from a counter of the whole process
            node.set_friendly_name(f"{node.get_type_name()}_{number}")
    return model


def save(model: Any, *, fp16: bool = False) -> Artefact:
    """The files of an `openvino.Model`: ``model.xml`` and ``model.bin``."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, XML)
        _openvino().save_model(model, path, compress_to_fp16=fp16)
        return Artefact({XML: path.read_bytes(), BIN: path.with_name(BIN).read_bytes()})


def _read_ir(path: Path) -> Any:
    try:
        return _openvino().Core().read_model(path)
    except RuntimeError as error:
        raise TargetError(f"OpenVINO cannot compile the model: {_first_line(error)}.") from error


def _compiled(model: Any, threads: int, compute: str) -> Compiled:
    config = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": compute}

    def compiled(**more: Any) -> Any:
        try:
            return _openvino().Core().compile_model(model, "CPU", {**config, **more})
        except RuntimeError as error:
            raise TargetError(f"OpenVINO cannot compile the model: {_first_line(error)}.") from error

    # IRs of old converters leave outputs without a name. The compiler gives tensors that it merges all their names.
    names = [one.get_any_name() if one.get_names() else f"output{place}" for place, one in enumerate(model.outputs)]
    return Compiled(compiled(), names, partial(compiled, PERF_COUNT=True))


def _openvino() -> Any:
    if find_spec("openvino") is None:
        raise MissingExtra("OpenVINO", "openvino")
    import openvino

    return openvino


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else type(error).__name__
