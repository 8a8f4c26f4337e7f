"""What most people try first: onnxruntime's own static quantisation, as it comes.

By default `quantize_static` takes every operator that it can, gives weights and activations one grid a tensor, and
spans each grid from the smallest to the largest value it has seen.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import onnx
import onnx_ir as ir
import onnxruntime
from onnx import ModelProto, numpy_helper

from detquant.calibration import Feed, Note
from detquant.data import Dataset
from detquant.errors import DetquantError, ModelError, in_short
from detquant.graph import OrtRunner
from detquant.pipeline.calibration_images import choose_images, stream
from detquant.pipeline.detector import Detector
from detquant.pipeline.entries import Entry
from detquant.pipeline.outputs import NAIVE_FILE
from detquant.progress import Progress
from detquant.report.sheets.numbers import plural
from detquant.targets import Artefact, Target

NAIVE = "naive"
"""Name of the row, and of the step that has something to say of it."""


def quantize_naively(model: ModelProto, feeds: Iterator[Feed], **options: Any) -> bytes:
    """Quantises with `onnxruntime.quantization.quantize_static`.

    Args:
        model: the float graph; onnxruntime advises to prepare it, which `detquant.graph.prepare` does.
        feeds: calibration images as network inputs.
        options: options of `quantize_static`; without any it goes by its defaults.

    Returns:
        A QDQ ONNX file.

    Raises:
        ModelError: onnxruntime fails; the sentence holds its reason.
    """
    from onnxruntime.quantization import quantize_static  # takes half a second, and few commands want it

    given = ModelProto()
    given.CopyFrom(model)  # quantize_static moves the weights of what it is given into a file, which it deletes
    with tempfile.TemporaryDirectory() as folder, _quiet():
        path = Path(folder, "model.onnx")
        try:
            quantize_static(given, path, _Reader(feeds), **options)
        except Exception as error:  # its failures have no common class
            raise ModelError(f"onnxruntime's quantize_static fails with {in_short(error)}.") from error
        return path.read_bytes()


def naive_entry(
    detector: Detector, dataset: Dataset, *, calib: int, place: Target, threads: int, progress: Progress | None
) -> Entry:
    """A detector so quantised, to be compared with others; that it fails would be its result.

    Args:
        detector: float.
        dataset: gives the calibration images.
        calib: number of calibration images.
        place: ONNX Runtime.
        threads: number of threads of the runtime.
        progress: called with (what, done, total).
    """
    artefact, runner, failure = None, None, None
    paths = choose_images(dataset, calib, [])
    try:
        content = quantize_naively(
            ir.to_proto(detector.model), _ticking(stream(detector.family, paths), len(paths), progress)
        )
        runner = OrtRunner(content, threads)
        runner.run(next(stream(detector.family, paths[:1])))
        artefact = Artefact({NAIVE_FILE: content})
    except DetquantError as error:
        runner, failure = None, str(error)
    how = f"quantize_static of onnxruntime {onnxruntime.__version__} with its defaults"
    said = [f"{how}, on detquant's {plural(len(paths), 'calibration image')} and the graph that it has prepared."]
    if artefact and (step := output_step(artefact.files[NAIVE_FILE])):
        said.append(f"boxes in pixels and scores from 0 to 1 share one grid, whose steps are {step:.2f}.")
    return Entry(
        name=NAIVE,
        title="naive INT8",
        place=place,
        precision="int8",
        runner=runner,
        size_bytes=artefact.size_bytes if artefact else None,
        artefact=artefact,
        notes=tuple(Note(step=NAIVE, sentence=one) for one in said),
        failure=failure,
    )


def _ticking(feeds: Iterator[Feed], count: int, progress: Progress | None) -> Iterator[Feed]:
    """The calibration images, with progress."""
    for done, feed in enumerate(feeds, start=1):
        yield feed
        if progress:
            progress("quantising naively", done, count)


def output_step(content: bytes) -> float | None:
    """The step of the one grid that a detector's output is on.

    Args:
        content: an ONNX file.

    Returns:
        The scale of the output's only grid, or None where the output is in float or on several grids.
    """
    graph = onnx.load_from_string(content).graph
    outputs, values = {value.name for value in graph.output}, {one.name: one for one in graph.initializer}
    last = [node for node in graph.node if node.op_type == "DequantizeLinear" and outputs & {*node.output}]
    scales = [numpy_helper.to_array(values[node.input[1]]) for node in last if node.input[1] in values]
    return float(scales[0]) if len(outputs) == len(scales) == 1 and scales[0].size == 1 else None


class _Reader:
    """Feeds as onnxruntime asks for them: one at a time, None after the last."""

    def __init__(self, feeds: Iterator[Feed]) -> None:
        self._feeds = feeds

    def get_next(self) -> Feed | None:
        return next(self._feeds, None)


@contextmanager
def _quiet() -> Iterator[None]:
    """Takes what it prints, and its advice to prepare the graph, which the root logger would show."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with redirect_stdout(StringIO()):
            yield
    finally:
        logging.disable(before)
