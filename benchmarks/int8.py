"""detquant beside its peers, on every runtime: accuracy, latency, size, and what it takes to quantise.

    python benchmarks/int8.py MODEL.onnx ... --data DATA --calib 64 --limit 100 --seeded resnet-18

Peers are given what detquant is given: the same calibration images and the same prepared float graph. Each quantises in
a process of its own, whose peak memory is told; float rows are the file as it is. All models of a table see the same
images in turn in one process, on one thread. A peer that fails, or whose model its runtime refuses, has a row that says
so. Networks with seeded weights are compared by speed alone.
"""

from __future__ import annotations

import logging
import multiprocessing
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import onnx
import onnx_ir as ir
from arguments import Count
from contenders import FOR_SPEED, QUANTISERS, Work
from cyclopts import App, Parameter
from seeded import SEEDED

from detquant.data import check_classes, open_dataset
from detquant.errors import DetquantError, in_short
from detquant.graph.running import as_bytes
from detquant.pipeline.compare import compare
from detquant.pipeline.detector import load
from detquant.pipeline.entries import FLOAT, Entry, own_file
from detquant.pipeline.memory import peak_rss_mb
from detquant.pipeline.processor import processor_name
from detquant.report.row import Row
from detquant.targets import Artefact, Runner, load_target, target_figures
from detquant.targets.latency import stopwatch
from detquant.targets.openvino import OpenVino

ASSETS = Path(__file__).resolve().parents[2] / "shared" / "assets"
DETECTORS = tuple(ASSETS / "weights" / "detect" / f"{name}.onnx" for name in ("yolov8n", "yolox_nano", "nanodet_m_416"))
HEADER = (
    *("model", "runtime", "quantised by", "AP", "AP50", "drop", "latency, ms", "to float there", "size, MB"),
    *("quantised in, s", "peak, MB", "note"),
)
BF16, UNKNOWN, SEEDED_CALIB = "bf16", "–", 16
SLOWER = "slower than float"
QUIET = logging.ERROR  # the graph is prepared already, so onnxruntime's advice to preprocess it is moot

Runtimes = Mapping[str, Iterable[str]]
app = App(name="int8", help="Prints detquant beside its peers on every runtime, as a Markdown table.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A model that its runtime takes, or the reason why there is none; and what it took to quantise."""

    entry: Entry
    seconds: float | None = None
    peak_mb: float | None = None


def entry(runtime: str, by: str, runner: Runner | None = None, failure: str | None = None, **more: Any) -> Entry:
    """One model of a table."""
    name, place = f"{runtime} {by}", load_target(runtime)
    return Entry(name=name, title=by, place=place, precision=by, runner=runner, failure=failure, **more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What another process has made: files, the graph that they are to be held to, seconds, and peak memory in MB."""

    files: Mapping[str, bytes]
    qdq: bytes | None
    seconds: float
    peak_mb: float


def quantise(model: Path, data: Path, calib: int, runtime: str, by: str) -> Files:
    """One quantiser at work, in a process of its own."""
    logging.getLogger().setLevel(QUIET)
    for name in ("nncf", "openvino"):  # what it takes to import them is not what it takes to quantise
        if find_spec(name):
            __import__(name)
    work = Work(detector=load(model), dataset=open_dataset(data), calib=calib)
    with redirect_stdout(sys.stderr):  # peers show their progress; stdout is for the table
        made, seconds = stopwatch(partial(QUANTISERS[runtime][by], work))
    qdq = as_bytes(made.qdq) if made.qdq is not None else None
    return Files(files=made.artefact.files, qdq=qdq, seconds=seconds, peak_mb=peak_rss_mb())


def make(work: Work, data: Path, runtime: str, by: str) -> Made:
    """Quantises, and tries the result."""
    print(f"{work.detector.imported.path.stem}: {runtime}, {by}", file=sys.stderr)
    try:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
            made = alone.submit(quantise, work.detector.imported.path, data, work.calib, runtime, by).result()
        artefact = Artefact(made.files)
        runner = load_target(runtime).open(artefact)
        runner.run(next(work.feeds()))
    except DetquantError as error:  # an extra is missing, or the runtime refuses the model
        return Made(entry=entry(runtime, by, failure=str(error)))
    except (Exception, BrokenProcessPool) as error:  # whatever a peer fails with is its result
        return Made(entry=entry(runtime, by, failure=f"fails with {in_short(error)}"))
    qdq = ir.from_proto(onnx.load_from_string(made.qdq)) if made.qdq is not None else None
    one = entry(runtime, by, runner, artefact=artefact, size_bytes=artefact.size_bytes, qdq=qdq)
    return Made(entry=one, seconds=made.seconds, peak_mb=made.peak_mb)


def as_it_is(work: Work, runtime: str) -> list[Made]:
    """The float model in a runtime; in bfloat16 too, where the runtime and the processor have it."""
    place, size = load_target(runtime), work.detector.imported.size_bytes
    if missing := place.missing():
        return [Made(entry=entry(runtime, FLOAT, failure=missing))]
    try:
        own = replace(own_file(work.detector, place, threads=1), name=f"{runtime} {FLOAT}")
        ways = list(place.open_float(work.detector.model)) if isinstance(place, OpenVino) else []
    except DetquantError as error:
        return [Made(entry=entry(runtime, FLOAT, failure=str(error)))]
    halves = [entry(runtime, f"{FLOAT}, {name}", one, size_bytes=size) for name, _, one in ways if BF16 in name]
    return [Made(entry=one) for one in (own, *halves)]


def table(
    work: Work, data: Path, runtimes: Runtimes, *, limit: int | None, runs: int, scored: bool = True
) -> list[tuple[str, ...]]:
    """The rows of one model; where it is not scored, of latency alone, so one image is enough."""
    made: list[Made] = []
    for runtime, quantisers in runtimes.items():
        made += as_it_is(work, runtime)
        made += [make(work, data, runtime, by) for by in quantisers] if made[-1].entry.runner else []
    entries = [one.entry for one in made]
    found = compare(entries, work.detector.family, work.dataset, limit=limit if scored else 1, runs=runs, strict=False)
    rows, stem = {row.name: row for row in found.rows}, work.detector.imported.path.stem
    return [
        (stem, one.entry.place.name, one.entry.title, *cells(one, rows, found.refused.get(one.entry.name)))
        for one in made
    ]


def cells(made: Made, rows: Mapping[str, Row], refusal: str | None) -> tuple[str, ...]:
    """What the table says of one of the models, from AP to the note."""
    if made.entry.runner is None or refusal:
        return (*[UNKNOWN] * (len(HEADER) - 4), refusal or made.entry.failure or "")
    row, reference = rows[made.entry.name], rows[f"{made.entry.place.name} {FLOAT}"]
    latency, share = row.latency_ms or 0.0, (row.ratio or 0.0) / (reference.ratio or 1.0)
    took = f"{latency:.1f}", f"{share:.2f}", f"{(row.size_bytes or 0) / 1e6:.2f}"
    cost = [UNKNOWN if value is None else f"{value:.{places}f}" for value, places in _cost(made)]
    return (*_accuracy(row, reference), *took, *cost, SLOWER * (share > 1))


def _accuracy(row: Row, reference: Row) -> list[str]:
    """AP, AP50 and what is lost of AP."""
    before, after, coarse = reference.value("ap"), row.value("ap"), row.value("ap50")
    if before is None or after is None or coarse is None:
        return [UNKNOWN] * 3
    return [f"{value:.2f}" for value in (after, coarse, before - after)]


def _cost(made: Made) -> tuple[tuple[float | None, int], ...]:
    return (made.seconds, 1), (made.peak_mb, 0)


def markdown(rows: Sequence[Sequence[str]]) -> str:
    rule = ["---", "---", "---", *["---:"] * (len(HEADER) - 4), "---"]
    return "\n".join("| " + " | ".join(c.replace("|", "/") for c in row) + " |" for row in (HEADER, rule, *rows))


@app.default
def bench(
    *models: Path,
    data: Path = ASSETS / "coco" / "coco300.yaml",
    seeded: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    calib: Count = 64,
    limit: Count | None = None,
    runs: Count = 30,
) -> None:
    """Quantise each model by every tool, and measure all of them side by side.

    Args:
        models: Float detectors, ONNX files; by default those of the assets and all seeded networks.
        data: A data.yaml, a COCO .json, or a folder of images.
        seeded: Names of networks with seeded weights, compared by speed.
        calib: Number of calibration images.
        limit: Measure AP on the first so many validation images only.
        runs: Timed runs of each.
    """
    dataset, rows = open_dataset(data), list[tuple[str, ...]]()
    for path in models or ([] if seeded else DETECTORS):
        detector = load(path)
        check_classes(dataset, detector.family.num_classes)
        work = Work(detector=detector, dataset=dataset, calib=calib)
        rows += table(work, data, QUANTISERS, limit=limit, runs=runs)
        print(markdown(rows), file=sys.stderr)  # what there is so far, should the rest be cut short
    pictures = dataset.validation[0].parent
    with tempfile.TemporaryDirectory() as folder:
        for name in seeded or ([] if models else SEEDED):
            detector = load(SEEDED[name](Path(folder)))
            work = Work(detector=detector, dataset=open_dataset(pictures), calib=SEEDED_CALIB)
            rows += table(work, pictures, FOR_SPEED, limit=limit, runs=runs, scored=False)
            print(markdown(rows), file=sys.stderr)
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
