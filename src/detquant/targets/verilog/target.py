"""Hardware of one's own: a SystemVerilog engine with a program, its memories, and a test bench that proves it.

The engine is not run here, what it computes is: the same whole numbers, in ONNX Runtime (`detquant.integer`). That the
RTL gives these bit for bit is what the test bench of the folder shows, see `detquant.targets.verilog.proof`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import onnx
import onnx_ir as ir

from detquant.errors import OptionError, UnsupportedOperator, unknown_name
from detquant.families import Family, find_family
from detquant.graph.running import OrtRunner, as_bytes
from detquant.graph.values import is_op
from detquant.importers.signature import signature_of
from detquant.integer.detector import IntegerDetector
from detquant.integer.graph import image_codes
from detquant.integer.head import HeadOptions
from detquant.integer.operators import Convolution, Matrix
from detquant.targets._base import Arrays, Artefact, Runner, Target
from detquant.targets.verilog.capability import CAPABILITY
from detquant.targets.verilog.cycles import cycles_of
from detquant.targets.verilog.engine import Array
from detquant.targets.verilog.export import CONFIG, USUAL_FORMATS, hardware_files
from detquant.targets.verilog.lowering import lower
from detquant.targets.verilog.memories.files import FORMATS
from detquant.targets.verilog.memories.streams import memories
from detquant.targets.verilog.program import Program

MODEL = "model.onnx"
USUAL = Array()
OPTIONS = ("array", "formats", "last_layers", "nms")
IN_FLOAT = HeadOptions(last_layers="float", nms="float")
ON_HOST = (
    "What stands behind the network is left to the host: {why}. The maps that it reads are named in manifest.json."
)
ASKED = "some of it was asked for in float"
NETWORK = "whole numbers, but for what follows the network"
NO_SUPPRESSION = "whole numbers, but for suppression"
NARROWER = (
    "{narrow} of {layers} layers have weights of fewer bits than the array's {bits}, and take {bits} in its memory as "
    "all do: --bits {fewest} gives each layer {fewest}."
)
TAKES = (
    "The engine has {icp}x{ocp} multipliers of {bits}-bit weights and {lanes} lanes of requantisation. The network "
    "takes {cycles:,} cycles, {ms:.1f} ms at {mhz} MHz, and uses {use:.1f} % of the multipliers, "
    "where memory keeps up{head}. "
    "Latencies here are those of ONNX Runtime, which computes the same."
)
HEAD = "; what follows it comes on top"
MHZ = 200
"""Clock that times are told for."""
PROVE = (
    "The same whole numbers ran here, in ONNX Runtime. That the RTL gives them bit for bit is shown by  detquant "
    "verify FOLDER , or by  make  in the folder, which needs Verilator and no Python."
)


@dataclass(frozen=True, slots=True)
class Built:
    """What a quantised graph comes to.

    Attributes:
        detector: the same in whole numbers.
        program: the engine's.
        left: why what stands behind the network is left to the host; None where the engine has it.
    """

    detector: IntegerDetector
    program: Program
    left: str | None


class Verilog(Target):
    """The engine, of one size.

    Args:
        array: size of the array of multipliers.
        formats: of the memories, besides those that are always written.
        head: what of a detector's last part is in whole numbers; None for all of it where its head is of a kind that
            has whole numbers (YOLOv8's), else for nothing.
    """

    name = "verilog"
    title = "FPGAs and ASICs: SystemVerilog engine, memories, test bench; what it computes runs here in ONNX Runtime"
    extra = None
    package = "onnxruntime"
    precisions: tuple[str, ...] = ()
    writes = (MODEL, "manifest.json", "ARITHMETIC.md", "Makefile", CONFIG)
    capability = CAPABILITY
    integer_only = "its engine computes in whole numbers only"
    emulates = "the engine's time is that of its cycles, and here its arithmetic runs in ONNX Runtime"
    variant_of = "ort"
    one_width = True
    shows_steps = True

    def __init__(
        self, array: Array | None = None, head: HeadOptions | None = None, formats: Sequence[str] = ()
    ) -> None:
        self.array, self.head, self.formats = array or USUAL, head, tuple(formats)

    def with_options(self, **given: Any) -> Self:
        """This place with an array of another size, or another last part.

        Args:
            given: array, as "16x16" (input by output channels) or "16x16x8" (and lanes); formats of the memories;
                last_layers and nms, "float" or "int", where what suppresses is as the last layers unless it is said.

        Raises:
            OptionError: there is no such option, or it is out of its bounds.
        """
        super().with_options(**{name: value for name, value in given.items() if name not in OPTIONS})
        array = parse_array(given["array"]) if "array" in given else self.array
        formats = given.get("formats", self.formats)
        for one in formats:
            if one not in FORMATS:
                raise OptionError(unknown_name("format of memories", one, FORMATS))
        if not given.keys() & {"last_layers", "nms"}:
            return type(self)(array, self.head, formats)
        last = given.get("last_layers", "int")
        head = replace(self.head or HeadOptions(), last_layers=last, nms=given.get("nms", last))
        return type(self)(array, head, formats)

    def comparable(self) -> Self:
        """The engine with all that follows its network in float."""
        return type(self)(self.array, IN_FLOAT, self.formats)

    def lower(self, qdq: ir.Model) -> Artefact:
        """What the engine reads, in ``mem/``, beside the graph that it is made of; `finish` makes the rest.

        Raises:
            UnsupportedOperator: an operator has no instruction on the engine, or none in whole numbers.
            TargetError: the program has no room in the engine's widths.
        """
        files = {MODEL: as_bytes(qdq)}
        if not _quantised(qdq):
            return Artefact(files)
        loaded = {f"mem/{one.name}.bin": FORMATS["bin"](one) for one in memories(self.build(qdq).program)}
        return Artefact({**files, **loaded}, beside=frozenset(files))

    def build(self, qdq: ir.Model, threads: int = 1) -> Built:
        """A quantised graph in whole numbers, and the engine's program of it.

        Args:
            qdq: the graph.
            threads: number of threads of the integer model.
        """
        detector, left = self._detector(qdq, threads)
        whole = detector.options.last_layers == detector.options.nms == "int"
        return Built(detector, lower(detector.network, self.array, head=detector.head if whole else None), left)

    def finish(self, artefact: Artefact, family: Family, image: Arrays) -> tuple[Artefact, tuple[str, ...]]:
        """The whole folder, with vectors of the image, and sentences on its size and how it is proven."""
        built = self.build(_model(artefact))
        network, engine = built.detector.network, built.program.engine
        files = hardware_files(
            built.program,
            network,
            image_codes(network.images, image),
            [*USUAL_FORMATS, *self.formats],
            family.form,
        )
        cycles = cycles_of(built.program)
        told = TAKES.format(
            icp=self.array.icp,
            ocp=self.array.ocp,
            bits=engine.weight,
            lanes=self.array.lanes,
            cycles=cycles.total,
            ms=cycles.milliseconds(MHZ),
            mhz=MHZ,
            use=cycles.use,
            head=HEAD if built.program.head is not None else "",
        )
        widths = [one.weight_bits for one in network.operators if isinstance(one, (Convolution, Matrix))]
        narrow, fewest = sum(one < engine.weight for one in widths), min(widths, default=engine.weight)
        wide = [NARROWER.format(narrow=narrow, layers=len(widths), bits=engine.weight, fewest=fewest)] * bool(narrow)
        left = [ON_HOST.format(why=built.left)] if built.left else []
        beside = frozenset({MODEL, *files} - artefact.loaded.keys())
        return Artefact({**artefact.files, **files}, beside), (told, *wide, *left, PROVE)

    def open(self, artefact: Artefact, threads: int = 1) -> Runner:
        """What the engine computes, in ONNX Runtime; a float graph as it is, to compare with."""
        model = _model(artefact)
        return self._detector(model, threads)[0] if _quantised(model) else OrtRunner(model, threads)

    def steps(self, artefact: Artefact, threads: int = 1) -> Iterator[tuple[str, Runner]]:
        """The network alone in whole numbers, then with its last layers, without suppression."""
        whole = self._detector(_model(artefact), threads)[0].options
        if not whole.in_float:
            yield NETWORK, type(self)(self.array, IN_FLOAT).open(artefact, threads)
        if whole.last_layers == whole.nms == "int":
            yield NO_SUPPRESSION, type(self)(self.array, replace(whole, nms="float")).open(artefact, threads)

    def _detector(self, qdq: ir.Model, threads: int) -> tuple[IntegerDetector, str | None]:
        """The graph in whole numbers as far as they were asked for, or go; why no farther."""
        family, _ = find_family(signature_of(qdq, qdq.metadata_props))
        if self.head is not None:
            asked = "" if self.head.last_layers == self.head.nms == "int" else ASKED
            return IntegerDetector(qdq, family, self.head, threads=threads), asked or None
        try:
            return IntegerDetector(qdq, family, threads=threads), None
        except UnsupportedOperator as error:
            found = IntegerDetector(qdq, family, IN_FLOAT, threads=threads)  # says so where the network is to blame
            return found, str(error).rstrip(".")


def parse_array(text: str) -> Array:
    """The size of an array as a user says it: "16x16", or "16x16x8" with the lanes of requantisation.

    Raises:
        OptionError: it is no such size.
    """
    parts = text.lower().split("x")
    if len(parts) not in (2, 3) or not all(part.isdecimal() and len(part) < 4 for part in parts):
        raise OptionError(
            f"array is '{text}': expected input by output channels, such as 16x16, and lanes where others are wanted "
            f"than 8, such as 16x16x4."
        )
    icp, ocp, *lanes = map(int, parts)
    return Array(icp=icp, ocp=ocp, lanes=lanes[0] if lanes else min(USUAL.lanes, icp, ocp))


def _model(artefact: Artefact) -> ir.Model:
    return ir.from_proto(onnx.load_from_string(artefact.files[MODEL]))


def _quantised(model: ir.Model) -> bool:
    return any(is_op(node, "QuantizeLinear") for node in model.graph)
