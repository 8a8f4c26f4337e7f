"""Whole networks on the engine's RTL: cycles, use of the array, time of the simulation, and AP of the RTL itself.

    python benchmarks/hardware.py table yolov8-pico scenes
    python benchmarks/hardware.py table yolov8n.pt coco300.yaml --imgsz 320 --recipes w8a8 w4a8 --arrays 8 16
    python benchmarks/hardware.py ap yolov8n.pt coco300.yaml --imgsz 320 --limit 50

`table` proves each network in Verilator, every map of every instruction, on one image; what the engine has no
instruction for is a sentence in its row. `ap` builds one simulator, runs it on each image, reads the last maps back
from its memory and decodes them as the integer model does. Both are measured side by side; all maps must be equal, and
all detections of the head in hardware.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx_ir as ir
from arguments import Count, Counts, Names
from conditions import conditions, with_measure
from cyclopts import App
from markdown_table import markdown, refusal

import detquant
from detquant.data import Dataset, iter_images, open_dataset
from detquant.errors import DetquantError, TargetError
from detquant.graph.values import static_shape
from detquant.integer.detector import IntegerDetector
from detquant.integer.graph import IntegerGraph, image_codes
from detquant.integer.head import HeadOptions, IntegerHead
from detquant.integer.model import IntegerModel
from detquant.integer.operators import CodeArray
from detquant.numerics.arrays import Array as Real
from detquant.pipeline.detector import Detector
from detquant.pipeline.evaluate import run_over
from detquant.recipes import load_recipe
from detquant.targets.verilog.cycles import cycles_of
from detquant.targets.verilog.engine import Array
from detquant.targets.verilog.export import hardware_files
from detquant.targets.verilog.lowering import lower
from detquant.targets.verilog.program import Program
from detquant.targets.verilog.proof.found import found_vectors
from detquant.targets.verilog.proof.results import dumped_codes
from detquant.targets.verilog.proof.simulators import Verilator
from detquant.targets.verilog.proof.vectors import image_vectors
from integer import Setting, in_integers

HEADER = ("model", "input", "recipe", "array", "M MAC", "cycles", "use of the array, %", "Verilator s", "result")
TEXTS = 4
AP_HEADER = ("network", "images", "{measure}", "s an image")

app = App(name="hardware", help="Runs networks on the engine's RTL and prints Markdown tables.")


def quantised(detector: Detector, dataset: Dataset, recipe: str, calib: int) -> ir.Model:
    """The QDQ graph of a recipe, heads in integers too."""
    return in_integers(load_recipe(recipe), Setting(detector=detector, dataset=dataset, calib=calib, limit=None))


@dataclass(slots=True)
class Simulated:
    """A network in a simulator that was built for it.

    Attributes:
        graph: the network.
        program: what the engine runs.
        folder: the exported folder; the simulator is built in it.
        built: the simulator.
    """

    graph: IntegerGraph
    program: Program
    folder: Path
    built: Path

    @classmethod
    def of(
        cls,
        graph: IntegerGraph,
        array: Array,
        image: Mapping[str, CodeArray],
        folder: Path,
        head: IntegerHead | None = None,
    ) -> Simulated:
        """Exports a network, with the vectors of an image, and builds its simulator."""
        program = lower(graph, array, head=head)
        files = hardware_files(program, graph, image, ["mem"])
        _write(files, folder)
        sources = [folder / path for path in files if path.endswith(".sv")]
        return cls(graph, program, folder, Verilator().build(sources, folder / "build"))

    def codes(self, image: Mapping[str, CodeArray], expected: Mapping[str, CodeArray]) -> dict[str, CodeArray]:
        """The network's last codes for an image, by the RTL; its detections are compared in the test bench.

        Args:
            image: codes of the image.
            expected: the network's last codes, by the integer model.

        Raises:
            TargetError: it does not come to its end, or a detection is not the integer model's.
        """
        vectors = image_vectors(self.program, self.graph, image)
        if self.program.head is not None:
            vectors |= found_vectors(self.program.head, expected)
        _write(vectors, self.folder / "image")
        dump = self.folder / "dump"
        options = {"mem": self.folder / "mem", "vectors": self.folder / "image", "check": 0, "dump": dump}
        outcome = Verilator().run(self.built, options)
        if not outcome.passed:
            raise TargetError(f"The RTL does not give what the integer model does: {outcome.verdict}")
        return dumped_codes(self.program, self.graph, dump.read_text())


@dataclass(slots=True)
class InRtl:
    """A detector whose network the RTL runs, beside the integer model, which it must equal.

    Attributes:
        detector: what stands behind the network.
        simulated: the network.
        seconds: of the simulations.
    """

    detector: IntegerDetector
    simulated: Simulated
    seconds: list[float] = field(default_factory=list)

    def run(self, feeds: Mapping[str, Real]) -> dict[str, Real]:
        """What the detector gives; the RTL's detections are compared in its test bench."""
        expected = self.detector.codes(feeds)
        began = time.perf_counter()
        codes = self.simulated.codes(image_codes(self.simulated.graph.images, feeds), expected)
        self.seconds.append(time.perf_counter() - began)
        for name, array in expected.items():
            if not np.array_equal(codes[name], array):
                raise TargetError(f"The RTL's map '{name}' is not the integer model's.")
        return self.detector.behind(codes, feeds)


def _write(files: Mapping[str, bytes], folder: Path) -> None:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def size_of(detector: Detector) -> str:
    """Height and width of the input."""
    return "x".join(map(str, (static_shape(detector.model.graph.inputs[0]) or ())[2:]))


def image_of(detector: Detector, dataset: Dataset, graph: IntegerGraph) -> dict[str, CodeArray]:
    """Codes of the first validation image."""
    _, pixels = next(iter(iter_images(dataset.validation[:1], [])))
    return image_codes(graph.images, {detector.family.input_name: detector.family.preprocess(pixels)[0]})


@dataclass(frozen=True, slots=True)
class Proven:
    """What came of a network on an array.

    Attributes:
        instructions: of its program.
        macs: multiplications.
        cycles: clock cycles that the simulator counted; None where it did not come to the end.
        use: of the array, per cent.
        seconds: of the simulation.
        verdict: PASS, or the first difference.
    """

    instructions: int
    macs: int
    cycles: int | None
    use: float
    seconds: float
    verdict: str

    def cells(self) -> tuple[str, ...]:
        """As `table` shows it."""
        figures = (f"{self.macs / 1e6:.0f}", str(self.cycles or ""), f"{self.use:.1f}")
        return (*figures, f"{self.seconds:.1f}", self.verdict)


def proven(graph: IntegerGraph, array: Array, image: Mapping[str, CodeArray]) -> Proven:
    """Runs a network on an array in Verilator, all maps compared."""
    with tempfile.TemporaryDirectory() as folder:
        made = Simulated.of(graph, array, image, Path(folder))
        began = time.perf_counter()
        options = {"mem": made.folder / "mem", "vectors": made.folder / "tb/vectors"}
        outcome = Verilator().run(made.built, options)
        seconds = time.perf_counter() - began
    counted = cycles_of(made.program)
    verdict = outcome.verdict
    if outcome.passed and outcome.cycles != counted.total:
        verdict = f"{verdict}, but {counted.total} cycles were computed"
    return Proven(len(made.program.instructions), counted.macs, outcome.cycles, counted.use, seconds, verdict)


@app.command
def table(
    model: str,
    data: str,
    *,
    imgsz: Count | None = None,
    recipes: Names = None,
    arrays: Counts = None,
    lanes: Count = 8,
    calib: Count = 16,
) -> None:
    """Prove a network on some arrays, and print the table.

    Args:
        model: Its file, or the name of an embedded one.
        data: Data set: calibration images, and the image that is run.
        imgsz: Side of the network input, where the file leaves it open.
        recipes: A row each; w8a8 unless given.
        arrays: Sides of the array, a row each; 16 unless given.
        lanes: Lanes of requantisation, at most; no more than an array has channels.
        calib: Number of calibration images.
    """
    detector, dataset, rows = detquant.load(model, imgsz=imgsz), open_dataset(data), []
    for recipe in recipes or ("w8a8",):
        first = (Path(model).name, size_of(detector), recipe)
        try:
            graph = IntegerModel(quantised(detector, dataset, recipe, calib)).network
            image = image_of(detector, dataset, graph)
            for side in arrays or (16,):
                array = Array(icp=side, ocp=side, lanes=min(side, lanes))
                print(first, side, file=sys.stderr)
                rows.append((*first, f"{side}x{side}", *proven(graph, array, image).cells()))
        except DetquantError as error:
            rows.append(refusal(first, str(error), len(HEADER)))
    print(markdown(HEADER, rows, texts=TEXTS))
    print(conditions(calib, "one image", "one thread"))


@app.command
def ap(
    model: str,
    data: str,
    *,
    imgsz: Count | None = None,
    recipe: str = "w8a8",
    array: Count = 16,
    calib: Count = 64,
    limit: Count = 50,
) -> None:
    """Measure the RTL itself beside the integer model, and print the table.

    Args:
        model: Its file, or the name of an embedded one.
        data: Data set.
        imgsz: Side of the network input, where the file leaves it open.
        recipe: The recipe.
        array: Side of the array.
        calib: Number of calibration images.
        limit: Measure on the first so many validation images.
    """
    loaded, dataset = detquant.load(model, imgsz=imgsz), open_dataset(data)
    detector = IntegerDetector(quantised(loaded, dataset, recipe, calib), loaded.family, HeadOptions())
    graph = detector.network
    with tempfile.TemporaryDirectory() as folder:
        shape = Array(icp=array, ocp=array, lanes=min(8, array))
        in_rtl = InRtl(
            detector, Simulated.of(graph, shape, image_of(loaded, dataset, graph), Path(folder), detector.head)
        )
        runners = {"RTL": in_rtl, "integer model": detector}
        sides = run_over(detector.family, runners, dataset, limit=limit).sides
    rows = []
    for name, side in sides.items():
        if side.accuracy is None:
            raise DetquantError(f"{dataset.name} has no labels, so there is no accuracy to measure.")
        taken = np.mean(in_rtl.seconds) if name == "RTL" else side.inference_ms / 1000
        rows.append((name, str(limit), f"{next(iter(side.accuracy.figures().values())):.2f}", f"{taken:.2f}"))
    print(markdown(with_measure(AP_HEADER, loaded.family.task), rows, texts=1))
    print(conditions(calib, "one thread", model))


if __name__ == "__main__":
    try:
        app()
    except DetquantError as error:
        sys.exit(f"hardware: {error}")
