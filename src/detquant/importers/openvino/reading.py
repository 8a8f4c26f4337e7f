"""Files read by OpenVINO, and its model made ready to be translated: shapes fixed, constants folded.

OpenVINO reads its own IR, TensorFlow's frozen graphs and SavedModels, and TFLite, each with a frontend; only the
frontend that was asked for sees the file. It knows no operation that would read another file, and runs nothing but
what does not depend on the image; a file may ask for any amount of that, so the memory that it takes is bounded.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from detquant.errors import MissingExtra, ModelError, UnsupportedOperator
from detquant.graph.fix_shapes import fixed_shape
from detquant.importers.openvino.combined_nms import combined_non_max_suppression
from detquant.importers.openvino.folding import fold
from detquant.untrusted import bounded_memory, one_line

_MOST_OUTPUTS = 8
# Bytes that reading may take: in all, of a thread for each processor, and for each byte of the files.
_MEMORY, _MEMORY_OF_A_THREAD, _MEMORY_OF_A_BYTE = 3 << 30, 128 << 20, 8
# How the lines of OpenVINO's messages begin that say where it was, not what was wrong.
_FRAMES = ("Exception from", "Check '", "FrontEnd API", "Model wasn't fully converted", "-- ", "While validating")
_NO_MEMORY = "bad_alloc"
_MISSING = re.compile(r"No conversion rule[^:]*:(?P<some>.*)|No translator found for (?P<one>.*) node")
_WHAT = {"ir": "an OpenVINO IR", "tf": "a TensorFlow graph", "tflite": "a TFLite model"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The part of a file's graph to read, by names of tensors.

    Attributes:
        outputs: the only ones.
        image: becomes the one input, float32; None to leave the inputs as they are.
        shape: its shape; None for a dimension that is left open.
        beyond: kind of an operation behind the outputs that the frontend does not know.
    """

    outputs: tuple[str, ...]
    image: str | None = None
    shape: tuple[int | None, ...] = ()
    beyond: str | None = None


def read(
    path: Path,
    framework: str,
    imgsz: int | None = None,
    metadata: Mapping[str, str] | None = None,
    shown: Path | None = None,
    part: Part | None = None,
) -> Any:
    """Reads a file with one of OpenVINO's frontends.

    Args:
        path: path of the file, or of the folder of a SavedModel.
        framework: "ir", "tf" or "tflite".
        imgsz: side of the input in pixels, for models that leave it open.
        metadata: may have "imgsz", see `detquant.graph.fix_shapes`.
        shown: what the user named, for messages; by default the path.
        part: part of the graph; by default all of it.

    Returns:
        An `openvino.Model` with fixed input shapes.

    Raises:
        MissingExtra: OpenVINO is not installed.
        ModelError: the file is damaged, or has what its frontend does not know.
    """
    try:
        import openvino  # noqa: F401
        from openvino.frontend import FrontEndManager
    except ImportError as error:
        raise MissingExtra("openvino", "openvino") from error
    named = shown or path
    with _bounded(path), _sentences(named, framework):
        frontend = FrontEndManager().load_by_framework(framework)
        if framework == "tf":
            from openvino.frontend.tensorflow import ConversionExtension

            frontend.add_extension(ConversionExtension("CombinedNonMaxSuppression", combined_non_max_suppression))
        if part is not None and part.beyond is not None:
            from openvino.frontend import ConversionExtension as AnyExtension

            frontend.add_extension(AnyExtension(part.beyond, _nothing))
        with _named_in_utf8(path) as openable:
            source = frontend.load(str(openable))
            if part is not None:
                _take(source, part)
            model = frontend.convert(source)
        frontend.normalize(model)
        if part is not None and part.image is not None:  # inputs that nothing reads any more are still there
            model = _with_one_input(model, part.image)
    with _bounded(path):
        _fix_shapes(model, named, imgsz, metadata or {})
        with _sentences(named, framework):
            fold(model)
    return model


def _bounded(path: Path) -> AbstractContextManager[None]:
    """The memory that reading a file may take."""
    files = [path, path.with_suffix(".bin"), *(path / "variables").glob("*")]
    of_files = _MEMORY_OF_A_BYTE * sum(file.stat().st_size for file in files if file.is_file())
    return bounded_memory(_MEMORY + _MEMORY_OF_A_THREAD * (os.cpu_count() or 1) + of_files)


@contextmanager
def _named_in_utf8(path: Path) -> Iterator[Path]:
    """The file, or a link to it, and to the .bin beside it: names of files need be no text, but OpenVINO's are."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        with tempfile.TemporaryDirectory(prefix="detquant-") as name:
            for file in (path, path.with_suffix(".bin")):
                if file.exists():
                    os.symlink(file.absolute(), Path(name, "model").with_suffix(file.suffix))
            yield Path(name, "model").with_suffix(path.suffix)
    else:
        yield path


def _nothing(context: Any) -> list[Any]:
    """Converts an operation whose results nobody takes: constants stand for them."""
    from openvino import opset13 as ops

    return [ops.constant(np.float32(0)).output(0) for _ in range(_MOST_OUTPUTS)]


def _take(source: Any, part: Part) -> None:
    """Leaves a part of a graph that has been loaded."""
    from openvino import PartialShape, Type

    outputs = [source.get_place_by_tensor_name(name) for name in part.outputs]
    if part.image is None:
        source.override_all_outputs(outputs)
        return
    image = source.get_place_by_tensor_name(part.image)
    source.override_all_inputs([image])
    source.override_all_outputs(outputs)
    source.set_partial_shape(image, PartialShape([-1 if size is None else size for size in part.shape]))
    source.set_element_type(image, Type.f32)


def _with_one_input(model: Any, name: str) -> Any:
    from openvino import Model

    [image] = [port.get_node() for port in model.inputs if name in port.get_names()]
    return Model(model.get_results(), [image], model.get_friendly_name())


def _fix_shapes(model: Any, path: Path, imgsz: int | None, metadata: Mapping[str, str]) -> None:
    """Fixes free dimensions of the inputs, as `detquant.graph.fix_shapes` does, before OpenVINO folds constants."""
    wanted = None if imgsz is None else (imgsz, imgsz)
    shapes = {}
    for port in model.inputs:
        shape = port.get_partial_shape()
        name = port.get_any_name() if port.get_names() else port.get_node().get_friendly_name()
        if shape.rank.is_dynamic:
            raise ModelError(f"The input '{name}' of '{path}' has no shape: export the model with one.")
        dims: list[object] = [dim.get_length() if dim.is_static else "?" for dim in shape]
        shapes[port] = fixed_shape(name, dims, wanted, dict(metadata))
    if any(port.get_partial_shape().is_dynamic for port in shapes):
        with _sentences(path, "shape"):
            model.reshape(shapes)


@contextmanager
def _sentences(path: Path, framework: str) -> Iterator[None]:
    """Turns errors of OpenVINO into one sentence; the last of their several lines say what is wrong."""
    try:
        yield
    except (MissingExtra, ModelError):
        raise
    except Exception as error:  # RuntimeError mostly, but a damaged file may raise anything
        if isinstance(error, MemoryError) or _NO_MEMORY in str(error):
            raise ModelError(
                f"'{path}' asks for more memory than reading it may take: it computes large constants, or there is too "
                "little. Export the model again, or to ONNX, and give that file."
            ) from error
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        missing = next((match for match in map(_MISSING.search, lines) if match is not None), None)
        if missing is not None:
            operations = one_line(missing["some"] or missing["one"] or "", 300) or "one without a name"
            raise UnsupportedOperator(
                f"'{path}' has operations that cannot be translated ({operations}): cut them off, or export the model "
                "to ONNX and give that file."
            ) from error
        said = [line for line in lines if not line.startswith(_FRAMES)]
        reason = one_line((said or lines or [type(error).__name__])[0], 300).rstrip(".: ")
        if framework == "shape":
            raise ModelError(f"'{path}' cannot take the input size that was asked for: {reason}.") from error
        raise ModelError(
            f"'{path}' cannot be read as {_WHAT[framework]}: {reason}. Copy, download or export it again."
        ) from error
