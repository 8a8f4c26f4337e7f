"""detquant beside its peers on onnxruntime: accuracy, latency, size, and the time it takes to quantise.

    python benchmarks/int8_ort.py MODEL.onnx ... --data DATA --calib 64 --limit 100

Peers are given what detquant is given: the same calibration images and the same prepared float graph, at opset 19.
(Below 13 DequantizeLinear has no axis; onnxruntime refuses what NNCF makes of YOLOX at 21.) The float row is the file
as it is. A peer that fails, or whose model the runtime refuses, has a row that says so.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import onnx_ir as ir
import onnxruntime
from cyclopts import App, Parameter
from cyclopts.validators import Number
from onnx import ModelProto
from onnx.version_converter import convert_version

from detquant.calibration import Feed
from detquant.data import Dataset, check_classes, open_dataset, read_image
from detquant.errors import DetquantError, MissingExtra
from detquant.graph import Runner
from detquant.pipeline.calibration_images import choose_images, stream
from detquant.pipeline.detector import Detector, load
from detquant.pipeline.evaluate import Side, run_over
from detquant.pipeline.memory import processor_name
from detquant.pipeline.naive import quantize_naively
from detquant.pipeline.quantize import Job
from detquant.recipes import load_recipe
from detquant.targets import load_target
from detquant.targets.latency import Latency, compare_latency, ratio, stopwatch

ASSETS = Path(__file__).resolve().parents[2] / "shared" / "assets"
DETECTORS = tuple(ASSETS / "weights" / "detect" / f"{name}.onnx" for name in ("yolov8n", "yolox_nano", "nanodet_m_416"))
HEADER = ("model", "quantised by", "AP", "AP50", "drop", "latency, ms", "ratio", "size, MB", "quantised in, s", "note")
FLOAT, UNKNOWN, PEERS_OPSET = "float", "–", 19
QUIET = logging.ERROR  # the graph is prepared already, so onnxruntime's advice to preprocess it is moot

Count = Annotated[int, Parameter(validator=Number(gte=1))]
app = App(name="int8_ort", help="Prints detquant beside its peers on onnxruntime, as a Markdown table.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What each quantiser is given."""

    detector: Detector
    dataset: Dataset
    calib: int

    def feeds(self) -> Iterator[Feed]:
        """The calibration images as network inputs, read anew each time: reading is part of the work."""
        return stream(self.detector.family, choose_images(self.dataset, self.calib, []))

    def graph(self) -> ModelProto:
        """The prepared float graph, for peers."""
        return convert_version(ir.to_proto(self.detector.model), PEERS_OPSET)


def by_onnxruntime(work: Work, **options: object) -> bytes:
    return quantize_naively(work.graph(), work.feeds(), **options)


def by_nncf(work: Work) -> bytes:
    if not find_spec("nncf"):
        raise MissingExtra("nncf", "bench")
    import nncf

    logging.getLogger("nncf").setLevel(QUIET)
    images = nncf.Dataset(list(work.feeds()))
    return nncf.quantize(work.graph(), images, subset_size=work.calib).SerializeToString()


def by_detquant(work: Work) -> bytes:
    target = load_target("ort")
    job = Job(detector=work.detector, dataset=work.dataset, recipe=load_recipe("w8a8"), target=target, calib=work.calib)
    return target.lower(job.run().model.qdq()).files["model.onnx"]


QUANTISERS: Mapping[str, Callable[[Work], bytes]] = {
    "onnxruntime, defaults": by_onnxruntime,
    "onnxruntime, Conv only, per channel": partial(by_onnxruntime, op_types_to_quantize=["Conv"], per_channel=True),
    "NNCF, defaults": by_nncf,
    "detquant, w8a8": by_detquant,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A model that the runtime takes, or the reason why there is none."""

    runner: Runner | None = None
    size: int = 0
    seconds: float | None = None
    note: str = ""


def make(quantiser: Callable[[Work], bytes], work: Work) -> Made:
    """Quantises, and tries the result."""
    try:
        with redirect_stdout(sys.stderr):  # peers show their progress; stdout is for the table
            content, seconds = stopwatch(partial(quantiser, work))
        runner = Runner(content, threads=1)
        runner.run(next(work.feeds()))
    except DetquantError as error:  # an extra is missing, or the runtime refuses the model
        return Made(note=str(error))
    except Exception as error:  # whatever a peer fails with is its result
        return Made(note=" ".join(f"fails with {type(error).__name__}: {error}".split())[:200])
    return Made(runner=runner, size=len(content), seconds=seconds)


def compare(work: Work, limit: int | None, runs: int) -> list[tuple[str, ...]]:
    """The rows of one model."""
    imported = work.detector.imported
    made = {FLOAT: Made(runner=work.detector.open(threads=1), size=imported.size_bytes)}
    for name, quantiser in QUANTISERS.items():
        print(f"{imported.path.stem}: {name}", file=sys.stderr)
        made[name] = make(quantiser, work)
    runners, family = {name: one.runner for name, one in made.items() if one.runner}, work.detector.family
    sides = run_over(family, runners, work.dataset, limit=limit).sides
    image, _ = family.preprocess(read_image(choose_images(work.dataset, 1, [])[0]))
    latency = compare_latency(runners, {family.input_name: image}, runs)
    return [(imported.path.stem, name, *cells(name, one, sides, latency)) for name, one in made.items()]


def cells(name: str, made: Made, sides: Mapping[str, Side], latency: Mapping[str, Latency]) -> tuple[str, ...]:
    """What the table says of one of the models, from AP to the note."""
    if made.runner is None:
        return (*[UNKNOWN] * (len(HEADER) - 3), made.note)
    before, after = sides[FLOAT].accuracy, sides[name].accuracy
    known = (after.ap, after.ap50, before.ap - after.ap) if before and after else None
    accuracy = [f"{value:.2f}" for value in known] if known else [UNKNOWN] * 3
    took = f"{latency[name].median_ms:.1f}", f"{ratio(latency[name], latency[FLOAT]):.2f}"
    seconds = UNKNOWN if made.seconds is None else f"{made.seconds:.1f}"
    return (*accuracy, *took, f"{made.size / 1e6:.2f}", seconds, made.note)


def markdown(rows: Sequence[Sequence[str]]) -> str:
    rule = ["---", "---", *["---:"] * (len(HEADER) - 3), "---"]
    return "\n".join("| " + " | ".join(c.replace("|", "/") for c in row) + " |" for row in (HEADER, rule, *rows))


@app.default
def bench(
    *models: Path,
    data: Path = ASSETS / "coco" / "coco300.yaml",
    calib: Count = 64,
    limit: Count | None = None,
    runs: Count = 30,
) -> None:
    """Quantise each model by every tool, and measure all of them side by side.

    Args:
        models: Float detectors, ONNX files; by default those of the assets.
        data: A data.yaml, a COCO .json, or a folder of images.
        calib: Number of calibration images.
        limit: Measure AP on the first so many validation images only.
        runs: Timed runs of each.
    """
    dataset, detectors, rows = open_dataset(data), [load(path) for path in models or DETECTORS], []
    for detector in detectors:
        check_classes(dataset, detector.family.num_classes)
        rows += compare(Work(detector=detector, dataset=dataset, calib=calib), limit, runs)
    print(markdown(rows))
    images = f"AP on {len(dataset.validation[:limit])} images of {dataset.name}, {calib} calibration images"
    print(f"\nonnxruntime {onnxruntime.__version__}, 1 thread, {processor_name()}, {runs} runs in turn; {images}.")


if __name__ == "__main__":
    logging.getLogger().setLevel(QUIET)
    try:
        app()
    except DetquantError as error:
        sys.exit(f"int8_ort: {error}")
