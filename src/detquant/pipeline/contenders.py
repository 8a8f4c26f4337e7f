"""The demo's models, each made in its own way on the same calibration images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
import onnx_ir as ir
import onnxruntime
from onnx import numpy_helper

from detquant.calibration import Feed
from detquant.data import Dataset
from detquant.errors import DetquantError
from detquant.graph import OrtRunner
from detquant.pipeline.calibration_images import choose_images, stream
from detquant.pipeline.detector import Detector
from detquant.pipeline.engines import own
from detquant.pipeline.job import Job, Progress
from detquant.pipeline.naive import quantize_naively
from detquant.pipeline.outputs import FLOAT_FILE, NAIVE_FILE, file_of_recipe
from detquant.recipes import load_recipe
from detquant.report.remarks import remarks
from detquant.targets import load_target

FLOAT, NAIVE, TARGET = "float", "naive", "ort"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One of the models.

    Attributes:
        name: short, as in the figures.
        title: as a reader sees it.
        file: its path within the run's folder.
        content: of that file; empty where there is none.
        failure: the sentence that says why.
        remarks: sentences on how it was made.
    """

    name: str
    title: str
    file: str
    content: bytes = b""
    failure: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """The ways in which the models are made.

    Attributes:
        model: the float model's file.
        detector: what is in it.
        dataset: gives the calibration images.
        calib: number of calibration images.
        work: where statistics and measured decisions are kept, in a folder for each recipe, or None.
        progress: called with (what, done, total).
    """

    model: Path
    detector: Detector
    dataset: Dataset
    calib: int
    work: Path | None
    progress: Progress | None

    def as_it_is(self) -> Contender:
        """The float model, the file as it ships."""
        content = self.model.read_bytes()
        return Contender(name=FLOAT, title=FLOAT, file=FLOAT_FILE, content=content)

    def naively(self) -> Contender:
        """By onnxruntime's defaults; that it fails would be its result."""
        title, content, failure = "naive INT8", b"", ""
        paths = choose_images(self.dataset, self.calib, [])
        try:
            content = quantize_naively(ir.to_proto(self.detector.model), self._ticking(paths))
            OrtRunner(content).run(next(stream(self.detector.family, paths[:1])))
        except DetquantError as error:
            content, failure = b"", str(error)
        how = f"quantize_static of onnxruntime {onnxruntime.__version__} with its defaults"
        said = [f"{title}: {how}, on detquant's {len(paths)} calibration images and the graph that it has prepared."]
        if step := output_step(content):
            said += [f"{title}: boxes in pixels and scores from 0 to 1 share one grid, whose steps are {step:.2f}."]
        return Contender(
            name=NAIVE, title=title, file=NAIVE_FILE, content=content, failure=failure, remarks=tuple(said)
        )

    def by_recipe(self, name: str) -> Contender:
        """By detquant, as `detquant.quantize` does it."""
        job = Job(
            detector=self.detector,
            dataset=self.dataset,
            recipe=load_recipe(name),
            target=load_target(TARGET),
            calib=self.calib,
            work=self.work / name if self.work else None,
            progress=self.progress,
        )
        made, title = own.quantize(job), f"detquant {name}"
        [content] = made.artefact.files.values()
        said = tuple(f"{title}: {one}" for one in remarks(made.figures))
        return Contender(name=name, title=title, file=file_of_recipe(name), content=content, remarks=said)

    def _ticking(self, paths: Sequence[Path]) -> Iterator[Feed]:
        """The calibration images, with progress."""
        for done, feed in enumerate(stream(self.detector.family, paths), start=1):
            yield feed
            if self.progress:
                self.progress("quantising naively", done, len(paths))


def output_step(content: bytes) -> float | None:
    """The step of the one grid that a detector's output is on.

    Args:
        content: an ONNX file; an empty one has no output.

    Returns:
        The scale of the output's only grid, or None where the output is in float or on several grids.
    """
    graph = onnx.load_from_string(content).graph
    outputs, values = {value.name for value in graph.output}, {one.name: one for one in graph.initializer}
    last = [node for node in graph.node if node.op_type == "DequantizeLinear" and outputs & {*node.output}]
    scales = [numpy_helper.to_array(values[node.input[1]]) for node in last if node.input[1] in values]
    return float(scales[0]) if len(outputs) == len(scales) == 1 and scales[0].size == 1 else None
