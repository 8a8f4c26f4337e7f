"""Keras models and TensorFlow functions as the files that this package reads."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def frozen(tensorflow: Any, function: Callable[..., Any], shape: tuple[int | None, ...], path: Path) -> Path:
    """A frozen graph of a function of one image."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    spec = tensorflow.TensorSpec(shape, tensorflow.float32, name="image")
    graph = convert_variables_to_constants_v2(tensorflow.function(function).get_concrete_function(spec)).graph
    path.write_bytes(graph.as_graph_def().SerializeToString())
    return path


def saved_model(tensorflow: Any, model: Any, function: Callable[..., Any], shape: Any, path: Path) -> Path:
    """A SavedModel with one signature."""
    module = tensorflow.Module()
    module.model = model
    spec = tensorflow.TensorSpec(shape, tensorflow.float32, name="image")
    module.serve = tensorflow.function(function, input_signature=[spec])
    with quiet():
        tensorflow.saved_model.save(module, str(path), signatures=module.serve)
    return path


def tflite(
    tensorflow: Any, model: Any, path: Path, images: list[np.ndarray] | None = None, floats_out: bool = False
) -> Path:
    """A float TFLite model, or with images to calibrate with one in 8 bits throughout, perhaps but for its outputs."""
    converter = tensorflow.lite.TFLiteConverter.from_keras_model(model)
    if images is not None:
        converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([image] for image in images)
        converter.target_spec.supported_ops = [tensorflow.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tensorflow.int8
        converter.inference_output_type = tensorflow.float32 if floats_out else tensorflow.int8
    with quiet():
        path.write_bytes(converter.convert())
    return path


@contextlib.contextmanager
def quiet() -> Any:
    """Neither warnings nor prints of the converters."""
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield
