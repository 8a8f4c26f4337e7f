"""detquant beside AIMET-ONNX's AdaRound: the same graph, images and widths, measured in one process.

    python benchmarks/aimet.py MODEL.onnx --data DATA --recipe w4a8 --python ~/aimet/bin/python

AIMET runs in an environment of its own, which `pip install aimet-onnx==2.42.*` makes; its Python is given by --python
or in AIMET_PYTHON. Which layers and tensors are rounded, and to how many bits, is what detquant plans for the recipe
and the runtime: so the first layer and the head have 8 bits with both where the recipe says so, and the decode tail is
float with both. Each quantises in a process of its own, whose time and peak memory are told.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
from arguments import Count
from contenders import Work
from cyclopts import App

from detquant.data import open_dataset
from detquant.errors import DetquantError, ModelError, TargetError
from detquant.graph.feeding import FittingRunner
from detquant.pipeline.compare import compare
from detquant.pipeline.detector import load
from detquant.pipeline.entries import Entry, own_file
from detquant.pipeline.inspection import plan
from detquant.pipeline.prepared import prepared
from detquant.recipes import Fixed, Own, Plan
from detquant.targets import Artefact, Runner, load_target
from detquant.targets.onnx_file import FILE

WORKER = Path(__file__).with_name("aimet_adaround.py")
VARIABLE, RUNTIME, NAME = "AIMET_PYTHON", "ort", "AIMET AdaRound"
FLOAT, IMAGES, WISH, MADE, TOOK = "float.onnx", "images.npy", "wish.json", "aimet.onnx", "took.json"
SCHEMES = ("tf_enhanced", "min_max")
"""How AIMET finds ranges, in its words: by the least error of a histogram, or from the least value to the largest."""
HEADER = ("model", "widths", "iterations", "float", NAME, "drop", "minutes", "peak, MB")
SAID = 300
"""Characters of what a failed run said last."""

app = App(name="aimet", help="Prints a detector by AIMET's AdaRound beside the float one, as a Markdown table.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Adarounded:
    """What AIMET has made, and what that took."""

    qdq: bytes
    seconds: float
    peak_mb: float

    @property
    def artefact(self) -> Artefact:
        """The result as a file of ONNX Runtime."""
        return Artefact({FILE: self.qdq})

    def entry(self, threads: int = 1) -> Entry:
        """The result in ONNX Runtime, to be compared with others.

        Its kernels take no activations of fewer than 8 bits; there the grids are computed in float, as AIMET does.
        """
        place, runner, size = load_target(RUNTIME), self._open(threads), self.artefact.size_bytes
        return Entry(name=NAME, title=NAME, place=place, precision=NAME, runner=runner, size_bytes=size)

    def _open(self, threads: int) -> Runner:
        try:
            return load_target(RUNTIME).open(self.artefact, threads)
        except DetquantError:
            return FittingRunner(self.qdq, threads, optimisation="basic")


def aimet_python(given: Path | None) -> Path:
    """The Python of AIMET's environment.

    Raises:
        TargetError: none is named, or it is not there; the sentence says how to make one.
    """
    path = given or (Path(found) if (found := os.environ.get(VARIABLE)) else None)
    if path is None or not path.is_file():
        named = f"'{path}' is no file" if path else f"neither --python nor {VARIABLE} names its Python"
        raise TargetError(
            f"AIMET is absent: {named}. Make an environment of its own:  python -m venv aimet && aimet/bin/pip install "
            f"'aimet-onnx==2.42.*'"
        )
    return path


def adaround(
    work: Work,
    recipe: str,
    python: Path,
    *,
    target: str = RUNTIME,
    iterations: int = 500,
    scheme: str = SCHEMES[0],
    threads: int = 1,
) -> Adarounded:
    """AIMET at work, on what detquant would quantise.

    Args:
        work: the model, and the calibration images.
        recipe: whose widths are taken.
        python: see `aimet_python`.
        target: the runtime whose plan tells which tensors are rounded.
        iterations: steps of each layer.
        scheme: one of SCHEMES.
        threads: of AIMET's onnxruntime and torch.

    Raises:
        ModelError: AIMET fails; the sentence holds what it said last.
    """
    planned = plan(work.detector, recipe=recipe, target=target)
    wish = {
        "input": work.detector.family.input_name,
        "weights": {name: spec.qtype.bits for name, spec in planned.weights.items()},
        "tensors": widths_of_tensors(planned),
        "iterations": iterations,
        "scheme": scheme,
        "threads": threads,
    }
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        onnx.save(ir.to_proto(prepared(work.detector, load_target(target))), folder / FLOAT)
        np.save(folder / IMAGES, np.concatenate([feed[wish["input"]] for feed in work.feeds()]))
        (folder / WISH).write_text(json.dumps(wish), encoding="utf-8")
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": ""}
        done = subprocess.run([python, WORKER, folder], capture_output=True, text=True, env=environment, check=False)
        if done.returncode:
            raise ModelError(f"AIMET fails (exit status {done.returncode}) with: {said_last(done.stderr)}")
        took = json.loads((folder / TOOK).read_text(encoding="utf-8"))
        return Adarounded(qdq=(folder / MADE).read_bytes(), seconds=took["seconds"], peak_mb=took["peak_mb"])


def said_last(text: str) -> str:
    """The last line that tells an error, else the end of what was said."""
    lines = [line for line in text.splitlines() if "Error" in line.partition(":")[0]]
    return (lines[-1] if lines else " ".join(text.split()))[-SAID:]


def widths_of_tensors(planned: Plan) -> dict[str, int]:
    """Bits of each tensor that is rounded; biases have AIMET's own."""
    points = {name: planned.points[planned.root(name)] for name in planned.points}
    return {name: point.spec.qtype.bits for name, point in points.items() if isinstance(point, Own | Fixed)}


@app.default
def bench(
    model: Path,
    *,
    data: Path,
    recipe: str = "w4a8",
    python: Path | None = None,
    calib: Count = 128,
    limit: Count | None = None,
    iterations: Count = 500,
    scheme: str = SCHEMES[0],
    threads: Count = 1,
) -> None:
    """Quantise a detector by AIMET's AdaRound, and measure it beside the float one.

    Args:
        model: A float detector.
        data: A data set, as for detquant quantize.
        recipe: Whose widths are taken.
        python: The Python of AIMET's environment; by default AIMET_PYTHON.
        calib: Number of calibration images.
        limit: Measure on the first so many validation images only.
        iterations: Steps of each layer.
        scheme: How AIMET finds ranges, tf_enhanced or min_max.
        threads: Of AIMET.
    """
    work = Work(detector=load(model), dataset=open_dataset(data), calib=calib)
    made = adaround(work, recipe, aimet_python(python), iterations=iterations, scheme=scheme, threads=threads)
    entries = [own_file(work.detector, load_target(RUNTIME), 1), made.entry()]
    found = compare(entries, work.detector.family, work.dataset, limit=limit)
    report = found.report(work.detector, work.dataset, 1)
    values = [row.value(report.measure) or 0.0 for row in report.rows]
    cells = [f"{value:.2f}" for value in (*values, values[0] - values[1])]
    shown = (model.stem, recipe, str(iterations), *cells, f"{made.seconds / 60:.1f}", f"{made.peak_mb:.0f}")
    for line in (HEADER, ("---",) * 2 + ("---:",) * 6, shown):
        print("| " + " | ".join(line) + " |")


if __name__ == "__main__":
    try:
        app()
    except DetquantError as error:
        sys.exit(f"aimet: {error}")
