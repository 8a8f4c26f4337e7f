"""TensorFlow: a frozen graph (.pb), or a SavedModel's folder, read by OpenVINO. Needs the extra `openvino`.

TensorFlow itself is not needed, and nothing of the graph is run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from detquant.errors import ModelError
from detquant.importers._base import ImportedModel
from detquant.importers.digest import digest
from detquant.importers.openvino.finishing import to_onnx
from detquant.importers.openvino.metadata import beside
from detquant.importers.openvino.reading import read
from detquant.importers.openvino.ultralytics_boxes import boxes_in_pixels
from detquant.importers.tensorflow.detection_graph import detection_of, find_detection_graph
from detquant.importers.tensorflow.graph_def import graph_inside, graphs_inside, read_graph
from detquant.importers.tensorflow.judging import judge
from detquant.importers.tensorflow.messages import check_graph, check_saved_model
from detquant.importers.tensorflow.object_detection import find_cut, part_of, raw_heads
from detquant.importers.tensorflow.suppression import with_numbered_outputs
from detquant.importers.tensorflow.variables import with_readable_variables
from detquant.importers.tflite.detection import OPERATOR, with_detection_told

__all__ = ["load", "matches"]

SAVED_MODEL = "saved_model.pb"


def matches(path: Path) -> bool:
    """Whether the file is named .pb, or is a folder with a saved_model.pb."""
    return (path / SAVED_MODEL).is_file() if path.is_dir() else path.suffix.lower() == ".pb"


def load(path: Path, imgsz: int | None = None) -> ImportedModel:
    """Read a frozen graph or a SavedModel.

    Args:
        path: the .pb, or the folder of a SavedModel (or the saved_model.pb in it).
        imgsz: side of the input in pixels, where the graph leaves it open.

    Raises:
        ModelError: the files are damaged or incomplete, or have what cannot be translated.
        MissingExtra: OpenVINO is not installed.
    """
    folder = path if path.is_dir() else path.parent if path.name == SAVED_MODEL else None
    if folder is None:
        check_graph(path)
        files, metadata = [path], beside(path.parent)
    else:
        check_saved_model(folder)
        files, metadata = _files(folder), beside(folder)
    sha256, size = digest(files)
    content = path.read_bytes() if folder is None else graph_inside(folder)
    graph = read_graph(content) if content is not None else None
    for each in graphs_inside(folder) if folder is not None else (graph,):
        if each is not None:
            judge(each, path)
    cut, ending = (None, None) if graph is None else (find_cut(graph), find_detection_graph(graph))
    part = part_of(cut) if cut is not None else None if ending is None else ending.part
    with _source(path, folder, content if part is not None else None) as source:
        model = read(source, "tf", imgsz, metadata, shown=path, part=part)
    aside = ""
    if cut is not None:
        model, told = raw_heads(model, cut, path)
        metadata, aside = {**told, **metadata}, ", its preprocessing and suppression cut off"
    if cut is None and ending is not None:
        translated = with_detection_told(model, detection_of(ending, model.outputs[1], path), path, metadata)
        metadata, aside = dict(translated.metadata_props), f", {OPERATOR} cut off"
    else:
        translated = to_onnx(model, path, metadata)
        boxes_in_pixels(translated, metadata)
    kind = "a frozen graph" if folder is None else "a SavedModel"
    return ImportedModel(
        model=translated,
        path=path,
        sha256=sha256,
        size_bytes=size,
        metadata=metadata,
        reason=f"{kind} that became {len(translated.graph)} nodes{aside}",
    )


@contextmanager
def _source(path: Path, folder: Path | None, inside: bytes | None) -> Iterator[Path]:
    """The source for OpenVINO to read: a file, a folder, or the graph inside a folder as a file."""
    if folder is None:
        with with_numbered_outputs(path) as file:
            yield file
    elif inside is None:
        with with_readable_variables(folder) as readable:
            yield readable
    else:
        with tempfile.TemporaryDirectory(prefix="detquant-graph-") as name:
            copy = Path(name, "model.pb")
            copy.write_bytes(inside)
            yield copy


def _files(folder: Path) -> list[Path]:
    """The graph, then the variables in the order of their names."""
    try:
        variables = sorted(file for file in (folder / "variables").glob("variables.*") if file.is_file())
    except OSError as error:
        raise ModelError(f"'{folder}' cannot be read: {error.strerror}.") from error
    return [folder / SAVED_MODEL, *variables]
