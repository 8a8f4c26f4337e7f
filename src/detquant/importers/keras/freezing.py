"""A Keras model as a frozen TensorFlow graph: variables become constants, and the batch one image."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

from detquant.errors import MissingExtra, ModelError
from detquant.graph.fix_shapes import fixed_shape

_ONLY_ERRORS = "2"


def freeze(path: Path, graph: Path, imgsz: int | None) -> list[str]:
    """Builds the model that a file describes and writes its frozen graph.

    Args:
        path: a .keras or .h5 whose description was judged.
        graph: the .pb to write.
        imgsz: side of the input in pixels, where the model leaves it open.

    Returns:
        Names of the outputs, in order.

    Raises:
        MissingExtra: TensorFlow is not installed.
        ModelError: Keras cannot build the model, or its input is not one image.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", _ONLY_ERRORS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TensorFlow's own: its dependencies move on before it does
            import tensorflow
    except ImportError as error:
        raise MissingExtra("tensorflow", "tensorflow") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = tensorflow.keras.models.load_model(str(path), compile=False, safe_mode=True)
    except Exception as error:  # whatever a damaged file trips over, the user gets a sentence
        raise ModelError(
            f"'{path}' cannot be built by Keras: {_sentence(error)}. Save it again with this Keras, or export it "
            "to ONNX."
        ) from error
    shape = _input_shape(path, model, imgsz)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            graph.write_bytes(_frozen(tensorflow, model, shape))
    except Exception as error:
        raise ModelError(f"'{path}' cannot be frozen: {_sentence(error)}. Export it to ONNX.") from error
    return _output_names(model)


def _input_shape(path: Path, model: Any, imgsz: int | None) -> list[int]:
    inputs = list(model.inputs or ())
    if len(inputs) != 1:
        raise ModelError(f"'{path}' has {len(inputs)} inputs: expected one image.")
    dims: list[object] = ["?" if dim is None else int(dim) for dim in inputs[0].shape]
    return fixed_shape(str(inputs[0].name), dims, None if imgsz is None else (imgsz, imgsz), {})


def _frozen(tensorflow: Any, model: Any, shape: list[int]) -> bytes:
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    image = model.inputs[0]
    spec = tensorflow.TensorSpec(shape, image.dtype, name=image.name)
    traced = tensorflow.function(lambda x: tensorflow.nest.flatten(model(x, training=False))).get_concrete_function(
        spec
    )
    content: bytes = convert_variables_to_constants_v2(traced).graph.as_graph_def().SerializeToString()
    return content


def _output_names(model: Any) -> list[str]:
    """Names of the outputs: of the layers that give them if each gives one, else numbered."""
    names = [str(name) for name in model.output_names]
    return names if len(set(names)) == len(model.outputs) else [f"output{place}" for place in range(len(model.outputs))]


def _sentence(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).rstrip(".:")[:300]
