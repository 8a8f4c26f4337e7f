"""What can be asked for: each option once, with its type, its bounds, its default and what to say of it.

The command line reads the dataclasses below (`Parameter(name="*")`), Python's functions take their fields as keywords
(`detquant.pipeline.keywords`); so both have the same options, and say the same of them. Fields of bases come first,
those of the last base first of all: in this order the help shows them. Nothing here imports more than help needs.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from detquant.errors import OptionError
from detquant.pipeline.bounds import Options
from detquant.progress import Progress

if TYPE_CHECKING:
    from detquant.data import Skip
    from detquant.recipes import Recipe
    from detquant.targets import Target

    RecipeLike = str | os.PathLike[str] | Recipe
    TargetLike = str | Target
    FileLike = str | os.PathLike[str]
    NameLike = str | os.PathLike[str]
    Skips = list[Skip]
else:  # who types knows names alone
    RecipeLike = Annotated[str, Parameter(metavar="RECIPE")]
    TargetLike = Annotated[str, Parameter(metavar="TARGET")]
    NameLike, FileLike, Skips = str, Path, list

Count = Annotated[int, Parameter(validator=Number(gte=1))]
Seed = Annotated[int, Parameter(validator=Number(gte=0))]
Several = Annotated[tuple[int, ...], Parameter(negative="", consume_multiple=True, show_default=False)]
Width = Annotated[int, Parameter(validator=Number(gte=2, lte=8))]
Points = Annotated[float, Parameter(validator=Number(gte=0, lte=100))]
Confidence = Annotated[float, Parameter(validator=Number(gte=0, lte=1))]
# A range may begin with a minus: -1..1.
Reads = Annotated[str | None, Parameter(metavar="WORDS", allow_leading_hyphen=True)]
FamilyName = Annotated[str, Parameter(metavar="FAMILY")]
IN_PYTHON = Parameter(parse=False)
"""Mark of a field that the command line does not show."""


def name_of(one: RecipeLike | TargetLike) -> str:
    """What a recipe or a target is called, as it was given."""
    return os.fspath(one) if isinstance(one, (str, os.PathLike)) else one.name


@dataclass(frozen=True, kw_only=True)
class ModelOptions(Options):
    """How a model file is read.

    Attributes:
        family: Detector family, found from the model by default; else its name, such as yolov8, yolox, ssd, rt-detr
            or classifier.
        imgsz: Side of the input in pixels, for models that leave it open.
        preprocess: Of a classifier whose file does not tell it: unit, imagenet, imagenet-uncropped, tensorflow,
            caffe, or a .toml file.
        reads: How a detector is fed and read, where that is not what its family does: words such as "bgr 0..255 xyxy",
            see detquant doctor.
        anchors: Of a YOLO's raw maps, where the file does not tell them: yolov5, yolov7 and others by name, or width
            and height of each in pixels, finest map first, such as 10,13,16,30,33,23.
    """

    family: FamilyName = "auto"
    imgsz: Count | None = None
    preprocess: Annotated[NameLike | None, Parameter(metavar="SCHEME")] = None
    reads: Reads = None
    anchors: Annotated[str | None, Parameter(metavar="ANCHORS")] = None

    @property
    def files(self) -> list[Path]:
        """Names that may be those of files which are read besides the model and the data."""
        named = (getattr(self, "recipe", None), getattr(self, "sensitivity", None), self.preprocess)
        return [Path(one) for one in named if isinstance(one, (str, os.PathLike))]


@dataclass(frozen=True, kw_only=True)
class RecipeOptions(Options):
    """What is wished for.

    Attributes:
        recipe: How it is quantised: widths of weights and activations in bits, such as w8a8, w4a8 or w8a16, or of
            weights alone, such as w4; one that detquant recipes lists, such as dynamic, fp16 or w8a8-refit; or a .toml
            file.
    """

    recipe: RecipeLike = "w8a8"


@dataclass(frozen=True, kw_only=True)
class TargetOptions(Options):
    """Where a quantised model goes.

    Attributes:
        target: Where the result is to run: ort, ort-qoperator, openvino, opencv, tensorrt, pytorch, oak, tflite,
            tflite-integer, edgetpu, ncnn, ethosu or verilog; detquant targets says more of each.
    """

    target: TargetLike = "ort"


@dataclass(frozen=True, kw_only=True)
class MakerOptions(TargetOptions):
    """Where a quantised model goes, and who makes it.

    Attributes:
        engine: Who quantises: detquant, or nncf (for ort and openvino) to compare with; it follows no recipe.
    """

    engine: Annotated[str, Parameter(metavar="ENGINE")] = "detquant"


@dataclass(frozen=True, kw_only=True)
class HardwareOptions(Options):
    """What hardware is made of it.

    Attributes:
        last_layers: For verilog: float, and the host decodes what the network gives; or int, in hardware as well, which
            is the default where the head is YOLOv8's.
        nms: For verilog: float, by the host; or int, in hardware. By default as the last layers are.
        array: For verilog: input by output channels that are multiplied at once, and lanes of requantisation where
            others than 8 are wanted: 16x16, 8x8x4. By default 16x16.
        formats: For verilog: coe or mif, of the memories, besides mem and bin.
    """

    last_layers: Literal["float", "int"] | None = None
    nms: Literal["float", "int"] | None = None
    array: Annotated[str | None, Parameter(metavar="SIZE")] = None
    formats: Annotated[
        tuple[str, ...], Parameter(metavar="FORMAT...", negative="", consume_multiple=True, show_default=False)
    ] = ()


@dataclass(frozen=True, kw_only=True)
class NpuOptions(Options):
    """Which NPU it is made for.

    Attributes:
        accelerator: For ethosu: the NPU and its multipliers, ethos-u55-32 to ethos-u85-2048. By default ethos-u55-256.
        system_config: For ethosu: clock and memories, by a name of Vela's Arm/vela.ini, such as
            Ethos_U55_Deep_Embedded. By default as Vela has it for the NPU.
        memory_mode: For ethosu: which memory holds what, by a name of Vela's: Shared_Sram, Sram_Only, Dedicated_Sram.
        vela_config: For ethosu: a .ini of a chip of your own, which has these names.
    """

    accelerator: Annotated[str | None, Parameter(metavar="NPU")] = None
    system_config: Annotated[str | None, Parameter(metavar="NAME")] = None
    memory_mode: Annotated[str | None, Parameter(metavar="NAME")] = None
    vela_config: FileLike | None = None


@dataclass(frozen=True, kw_only=True)
class ChipOptions(NpuOptions, HardwareOptions):
    """What single places can be asked for."""

    @property
    def of_place(self) -> dict[str, Any]:
        """Those that were given, by name."""
        given = {one.name: getattr(self, one.name) for one in fields(ChipOptions)}
        return {name: value for name, value in given.items() if value}


@dataclass(frozen=True, kw_only=True)
class PlanOptions(ModelOptions, TargetOptions, RecipeOptions):
    """What to plan."""


@dataclass(frozen=True, kw_only=True)
class JobOptions(ModelOptions):
    """How a model is quantised and measured, whatever the recipe and the place.

    Attributes:
        calib: Number of calibration images.
        seed: Chooses the calibration images.
        threads: Number of threads of the runtime.
        val_limit: Measure on the first so many validation images only.
        decisions: A report.json or --json of an earlier run, whose decisions by the clock are taken again: same bytes.
        force: Go on with a float model that finds nothing, or that is probably read wrongly.
        executor: That images and searches are spread over, or None for threads; the result does not depend on it.
        progress: Called with (what, done, total).
    """

    calib: Count = 128
    seed: Seed = 0
    threads: Count = 1
    val_limit: Count | None = None
    decisions: FileLike | None = None
    force: bool = False
    executor: Annotated[Executor | None, IN_PYTHON] = None
    progress: Annotated[Progress | None, IN_PYTHON] = None


@dataclass(frozen=True, kw_only=True)
class ThresholdOptions(Options):
    """What a detector's threshold of confidence is to be.

    Attributes:
        confidence: The float model's threshold, for which the quantised model's is found.
        keeps: What the quantised model has at its threshold as the float model at its own: recall, or f1. Where nothing
            is labelled: as many boxes, or those that agree best.
    """

    confidence: Confidence = 0.25
    keeps: Literal["recall", "f1"] = "recall"


@dataclass(frozen=True, kw_only=True)
class SpreadOptions(Options):
    """Where the parts of a search run; the result does not depend on it.

    Attributes:
        jobs: Processes that a search is spread over, by default as many as there are processors.
        cluster: Address of the scheduler of a Dask cluster to spread it over instead, such as tcp://scheduler:8786.
    """

    jobs: Count | None = None
    cluster: Annotated[str | None, Parameter(metavar="ADDRESS")] = None


@dataclass(frozen=True, kw_only=True)
class LossOptions(SpreadOptions, TargetOptions):
    """How the loss of single layers is measured.

    Attributes:
        measure: What losses are: damage to the heads, which needs no labels, or accuracy, of the first --val-limit
            validation images.
        images: Number of calibration images that the damage is measured on.
        widths: Of weights, in bits; by default all from 2 to 8 that the target takes.
        activations: Widths of activations, likewise; by default 4, 6, 8 and 16.
        work: Folder in which statistics and losses are kept, so that an interrupted run goes on.
    """

    measure: Literal["damage", "accuracy"] = "damage"
    images: Count = 8
    widths: Several = ()
    activations: Several = ()
    work: Annotated[FileLike | None, IN_PYTHON] = None


@dataclass(frozen=True, kw_only=True)
class SensitivityOptions(JobOptions, LossOptions, RecipeOptions):
    """How `detquant.sensitivity` measures what each layer costs."""


@dataclass(frozen=True, kw_only=True)
class MixedPrecisionOptions(SensitivityOptions):
    """How `detquant.mixed_precision` chooses widths.

    Attributes:
        budget: What may be spent: a mean width of the weights (5bits), a size (2.1MB, or 1.9MB zip when packed), a
            share of the bit operations at 8 bits (40%), or a time (12ms).
        solver: exact, by an integer program, or greedy.
        sensitivity: A file of detquant sensitivity, instead of measuring.
    """

    budget: Annotated[str, Parameter(metavar="BUDGET")] = "5bits"
    solver: Annotated[str, Parameter(metavar="SOLVER")] = "exact"
    sensitivity: FileLike | None = None


@dataclass(frozen=True, kw_only=True)
class QuantizeOptions(ThresholdOptions, JobOptions, SpreadOptions, ChipOptions, MakerOptions, RecipeOptions):
    """How `detquant.quantize` quantises.

    Attributes:
        bits: Width of the weights, 2 to 8, with activations of 8 bits: the recipe of that name, such as w4a8; for
            verilog, whose array has one width, in every layer.
        budget: Choose the width of each weight within this: 5bits (mean), 2.1MB, 1.9MB zip, 40% (of the bit
            operations at 8 bits), 12ms.
        max_drop: Go up from the recipe's widths until no more points of AP or top-1 than this are lost.
        sensitivity: A file of detquant sensitivity, for either of them, instead of measuring.
        work: Folder in which statistics and measurements are kept, so that an interrupted run goes on.
        train: A training loop of your own: called with the network as a torch module, after all steps of the recipe.
    """

    bits: Width | None = None
    budget: Annotated[str | None, Parameter(metavar="BUDGET")] = None
    max_drop: Points | None = None
    sensitivity: FileLike | None = None
    work: Annotated[FileLike | None, IN_PYTHON] = None
    train: Annotated[Callable[[Any], object] | None, IN_PYTHON] = None

    @property
    def wished(self) -> RecipeLike:
        """The recipe, or the one whose name the width of the weights says.

        Raises:
            OptionError: both are given.
        """
        if self.bits is None:
            return self.recipe
        if self.recipe != RecipeOptions.recipe:
            raise OptionError(
                f"bits={self.bits} and recipe '{name_of(self.recipe)}' both say widths: give one of them."
            )
        return f"w{self.bits}a8"

    @property
    def searches(self) -> bool:
        """Whether widths are searched for."""
        return self.budget is not None or self.max_drop is not None


@dataclass(frozen=True, kw_only=True)
class ChooseOptions(ThresholdOptions, JobOptions, RecipeOptions):
    """How `detquant.choose` tries the places.

    Attributes:
        targets: The places to try, see detquant targets; by default all that are installed.
    """

    targets: Annotated[tuple[str, ...], Parameter(metavar="TARGET...", negative="", show_default=False)] = ()


@dataclass(frozen=True, kw_only=True)
class PlaceOptions(Options):
    """Where a model runs.

    Attributes:
        target: Whose runtime it runs in, see detquant targets; auto is the one that the file was written for:
            LiteRT for .tflite, OpenVINO for its IR, PyTorch for .pt2, ONNX Runtime for all else.
    """

    target: Annotated[str, Parameter(metavar="TARGET")] = "auto"


@dataclass(frozen=True, kw_only=True)
class RunOptions(ModelOptions, PlaceOptions):
    """How a model is run.

    Attributes:
        threads: Number of threads of the runtime.
    """

    threads: Count = 1


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(RunOptions):
    """How `detquant.evaluate` measures.

    Attributes:
        val_limit: Measure on the first so many validation images only.
        progress: Called with (what, done, total).
    """

    val_limit: Count | None = None
    progress: Annotated[Progress | None, IN_PYTHON] = None


@dataclass(frozen=True, kw_only=True)
class BenchmarkOptions(RunOptions):
    """How `detquant.benchmark` times.

    Attributes:
        runs: Number of timed runs of each.
    """

    runs: Count = 20


@dataclass(frozen=True, kw_only=True)
class PredictOptions(RunOptions):
    """How `detquant.predict` looks.

    Attributes:
        confidence: Objects score more than this; by default what a quantised model's file says, or the decode.json
            beside it, else 0.25.
        skipped: A list to which a `detquant.data.Skip` is added for each image that cannot be read.
    """

    confidence: Confidence | None = None
    skipped: Annotated[Skips | None, IN_PYTHON] = None


@dataclass(frozen=True, kw_only=True)
class ExportOptions(ModelOptions):
    """How `detquant.export` writes.

    Attributes:
        precision: fp32 or fp16, by default the first that the target takes.
    """

    precision: Annotated[str | None, Parameter(metavar="PRECISION")] = None


@dataclass(frozen=True, kw_only=True)
class WorkflowOptions(ThresholdOptions):
    """How a workflow is run, and what is taken instead of what it says.

    Attributes:
        models: A file to take instead of the zoo's; may be given several times.
        data: A data set to take instead of the zoo's, as for detquant quantize.
        target: Where the results are to run, instead of where the workflow says; see detquant targets.
        recipes: Instead of the workflow's, such as w8a8 or a .toml file; may be given several times.
        calib: Number of calibration images, instead of the workflow's.
        val_limit: Measure on the first so many validation images, instead of the workflow's number.
        force: Go on with a float model that finds nothing, or that is probably read wrongly.
        seed: Chooses the calibration images.
        threads: Number of threads of the runtime.
        runs: Timed runs of each precision.
        decisions: A workflow.json of an earlier run, whose decisions by the clock are taken again: same bytes.
        progress: Called with (what, done, total).
    """

    models: Annotated[tuple[Path, ...], Parameter(name="--model", negative="", show_default=False)] = ()
    data: Path | None = None
    target: Annotated[str | None, Parameter(metavar="TARGET")] = None
    recipes: Annotated[
        tuple[str, ...], Parameter(name="--recipe", metavar="RECIPE...", negative="", show_default=False)
    ] = ()
    calib: Count | None = None
    val_limit: Count | None = None
    force: bool = False
    seed: Seed = 0
    threads: Count = 1
    runs: Count = 20
    decisions: Path | None = None
    progress: Annotated[Progress | None, IN_PYTHON] = None


@dataclass(frozen=True, kw_only=True)
class VerifyOptions(Options):
    """How `detquant.verify` proves hardware.

    Attributes:
        simulator: verilator, or icarus, which is slow: for small networks.
        stall: Per cent of cycles in which memory and streams make the engine wait.
        seed: Of these.
    """

    simulator: Annotated[str, Parameter(metavar="SIMULATOR")] = "verilator"
    stall: Annotated[int, Parameter(validator=Number(gte=0, lte=99))] = 0
    seed: Seed = 1
