"""detquant beside its peers, on every runtime: accuracy, latency, size, and what it takes to quantise.

    python benchmarks/int8.py MODEL.onnx ... --data DATA --calib 64 --limit 100

Peers are given what detquant is given: the same calibration images and the same prepared float graph (for ONNX Runtime
at opset 19: below 13 DequantizeLinear has no axis, and at 21 it refuses what NNCF makes of YOLOX). Each quantises in a
process of its own, whose peak memory is told; float rows are the file as it is. All models of a table see the same
images in turn in one process. A peer that fails, or whose model its runtime refuses, has a row that says so.
"""

from __future__ import annotations

import logging
import multiprocessing
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import onnx_ir as ir
from cyclopts import App, Parameter
from cyclopts.validators import Number
from onnx import ModelProto
from onnx.version_converter import convert_version

from detquant.calibration import Feed
from detquant.data import Dataset, check_classes, open_dataset, read_image
from detquant.errors import DetquantError, MissingExtra
from detquant.graph import find_decode_tail
from detquant.pipeline.calibration_images import choose_images, stream
from detquant.pipeline.detector import Detector, load
from detquant.pipeline.evaluate import Side, run_over
from detquant.pipeline.job import Job
from detquant.pipeline.memory import peak_rss_mb, processor_name
from detquant.pipeline.naive import quantize_naively
from detquant.recipes import load_recipe
from detquant.targets import Artefact, Runner, load_target, target_figures
from detquant.targets.latency import Latency, compare_latency, ratio, stopwatch

ASSETS = Path(__file__).resolve().parents[2] / "shared" / "assets"
DETECTORS = tuple(ASSETS / "weights" / "detect" / f"{name}.onnx" for name in ("yolov8n", "yolox_nano", "nanodet_m_416"))
HEADER = (
    *("model", "runtime", "quantised by", "AP", "AP50", "drop", "latency, ms", "to float there", "size, MB"),
    *("quantised in, s", "peak, MB", "note"),
)
FLOAT, UNKNOWN, PEERS_OPSET = "float", "–", 19
QUIET = logging.ERROR  # the graph is prepared already, so onnxruntime's advice to preprocess it is moot

Count = Annotated[int, Parameter(validator=Number(gte=1))]
app = App(name="int8", help="Prints detquant beside its peers on every runtime, as a Markdown table.")


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

    def tail(self) -> list[str]:
        """Names of the operators that decode, and of those that feed them."""
        found = find_decode_tail(self.detector.model.graph)
        return [node.name or "" for node in (*found.nodes, *found.head_convs)]


def by_onnxruntime(work: Work, **options: object) -> Artefact:
    return Artefact({"model.onnx": quantize_naively(work.graph(), work.feeds(), **options)})


def by_nncf_for_onnx(work: Work, *, ignored: bool) -> Artefact:
    content = _nncf(work, work.graph(), ignored).SerializeToString()
    return Artefact({"model.onnx": content})


def by_nncf_for_openvino(work: Work, *, ignored: bool) -> Artefact:
    import openvino

    read = openvino.Core().read_model(ir.to_proto(work.detector.model).SerializeToString())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.xml")
        openvino.save_model(_nncf(work, read, ignored), path, compress_to_fp16=False)
        return Artefact({name: path.with_name(name).read_bytes() for name in ("model.xml", "model.bin")})


def _nncf(work: Work, model: Any, ignored: bool) -> Any:
    if not find_spec("nncf"):
        raise MissingExtra("nncf", "bench")
    import nncf

    logging.getLogger("nncf").setLevel(QUIET)
    scope = nncf.IgnoredScope(names=work.tail(), validate=False) if ignored else None
    return nncf.quantize(model, nncf.Dataset(list(work.feeds())), subset_size=work.calib, ignored_scope=scope)


def by_detquant(work: Work, *, target: str) -> Artefact:
    place = load_target(target)
    job = Job(detector=work.detector, dataset=work.dataset, recipe=load_recipe("w8a8"), target=place, calib=work.calib)
    return place.lower(job.run().model.qdq())


Quantiser = Callable[[Work], Artefact]
QUANTISERS: Mapping[str, Mapping[str, Quantiser]] = {
    "ort": {
        "onnxruntime, defaults": by_onnxruntime,
        "onnxruntime, Conv and MatMul, per channel": partial(
            by_onnxruntime, op_types_to_quantize=["Conv", "MatMul"], per_channel=True
        ),
        "NNCF, defaults": partial(by_nncf_for_onnx, ignored=False),
        "NNCF, decode part ignored": partial(by_nncf_for_onnx, ignored=True),
        "detquant, w8a8": partial(by_detquant, target="ort"),
    },
    "openvino": {
        "NNCF, defaults": partial(by_nncf_for_openvino, ignored=False),
        "NNCF, decode part ignored": partial(by_nncf_for_openvino, ignored=True),
        "detquant, w8a8": partial(by_detquant, target="openvino"),
    },
    "opencv": {"detquant, w8a8": partial(by_detquant, target="opencv")},
}
"""By runtime and by the words for the row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A model that its runtime takes, or the reason why there is none."""

    runtime: str
    by: str
    runner: Runner | None = None
    size: int = 0
    seconds: float | None = None
    peak_mb: float | None = None
    note: str = ""

    @property
    def key(self) -> str:
        """Names it among all of a table."""
        return f"{self.runtime} {self.by}"


def quantise(model: Path, data: Path, calib: int, runtime: str, by: str) -> tuple[Mapping[str, bytes], float, float]:
    """One quantiser at work, in a process of its own.

    Returns:
        Its files, seconds, and the process's peak memory in MB.
    """
    logging.getLogger().setLevel(QUIET)
    for name in ("nncf", "openvino"):  # what it takes to import them is not what it takes to quantise
        if find_spec(name):
            __import__(name)
    work = Work(detector=load(model), dataset=open_dataset(data), calib=calib)
    with redirect_stdout(sys.stderr):  # peers show their progress; stdout is for the table
        artefact, seconds = stopwatch(partial(QUANTISERS[runtime][by], work))
    return artefact.files, seconds, peak_rss_mb()


def make(work: Work, data: Path, runtime: str, by: str) -> Made:
    """Quantises, and tries the result."""
    print(f"{work.detector.imported.path.stem}: {runtime}, {by}", file=sys.stderr)
    try:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
            job = alone.submit(quantise, work.detector.imported.path, data, work.calib, runtime, by)
            files, seconds, peak = job.result()
        artefact = Artefact(files)
        runner = load_target(runtime).open(artefact)
        runner.run(next(work.feeds()))
    except DetquantError as error:  # an extra is missing, or the runtime refuses the model
        return Made(runtime=runtime, by=by, note=str(error))
    except (Exception, BrokenProcessPool) as error:  # whatever a peer fails with is its result
        note = " ".join(f"fails with {type(error).__name__}: {error}".split())[:200]
        return Made(runtime=runtime, by=by, note=note)
    return Made(runtime=runtime, by=by, runner=runner, size=artefact.size_bytes, seconds=seconds, peak_mb=peak)


def as_it_is(work: Work, runtime: str) -> Made:
    """The float model in a runtime."""
    place = load_target(runtime)
    if missing := place.missing():
        return Made(runtime=runtime, by=FLOAT, note=missing)
    runner = work.detector.open(threads=1, target=runtime)
    return Made(runtime=runtime, by=FLOAT, runner=runner, size=work.detector.imported.size_bytes)


def compare(work: Work, data: Path, limit: int | None, runs: int) -> list[tuple[str, ...]]:
    """The rows of one model."""
    made: list[Made] = []
    for runtime, quantisers in QUANTISERS.items():
        made.append(as_it_is(work, runtime))
        made += [make(work, data, runtime, by) for by in quantisers] if made[-1].runner else []
    runners, family = {one.key: one.runner for one in made if one.runner}, work.detector.family
    sides = run_over(family, runners, work.dataset, limit=limit).sides
    image, _ = family.preprocess(read_image(choose_images(work.dataset, 1, [])[0]))
    latency = compare_latency(runners, {family.input_name: image}, runs)
    stem = work.detector.imported.path.stem
    return [(stem, one.runtime, one.by, *cells(one, sides, latency)) for one in made]


def cells(made: Made, sides: Mapping[str, Side], latency: Mapping[str, Latency]) -> tuple[str, ...]:
    """What the table says of one of the models, from AP to the note."""
    if made.runner is None:
        return (*[UNKNOWN] * (len(HEADER) - 4), made.note)
    reference = f"{made.runtime} {FLOAT}"
    before, after = sides[reference].accuracy, sides[made.key].accuracy
    known = [after.figures()["ap"], after.figures()["ap50"]] if before and after else []
    known += [before.figures()["ap"] - known[0]] if before and known else []
    accuracy = [f"{value:.2f}" for value in known] or [UNKNOWN] * 3
    took = f"{latency[made.key].median_ms:.1f}", f"{ratio(latency[made.key], latency[reference]):.2f}"
    cost = [UNKNOWN if value is None else f"{value:.{places}f}" for value, places in _cost(made)]
    return (*accuracy, *took, f"{made.size / 1e6:.2f}", *cost, made.note)


def _cost(made: Made) -> tuple[tuple[float | None, int], ...]:
    return (made.seconds, 1), (made.peak_mb, 0)


def markdown(rows: Sequence[Sequence[str]]) -> str:
    rule = ["---", "---", "---", *["---:"] * (len(HEADER) - 4), "---"]
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
        rows += compare(Work(detector=detector, dataset=dataset, calib=calib), data, limit, runs)
        print(markdown(rows), file=sys.stderr)  # what there is so far, should the rest be cut short
    print(markdown(rows))
    images = f"AP on {len(dataset.validation[:limit])} images of {dataset.name}, {calib} calibration images"
    versions = ", ".join(f"{one['name']} {one['version']}" for one in target_figures()["targets"] if one["version"])
    print(f"\n{versions}; 1 thread, float32, {processor_name()}, {runs} runs in turn; {images}.")


if __name__ == "__main__":
    logging.getLogger().setLevel(QUIET)
    try:
        app()
    except DetquantError as error:
        sys.exit(f"int8: {error}")
