"""What users may rely on."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import pytest

import detquant


def test_all():
    assert detquant.__all__ == ["__version__", "load", "quantize"]
    assert set(detquant.__all__) <= set(dir(detquant))


def test_load_is_the_pipelines():
    from detquant.pipeline.detector import load

    assert detquant.load is load
    assert list(inspect.signature(load).parameters) == ["path", "family", "imgsz", "preprocess", "reads"]


def test_quantize_is_the_pipelines():
    from detquant.pipeline.quantize import quantize

    assert detquant.quantize is quantize
    assert list(inspect.signature(quantize).parameters)[:2] == ["model", "data"]


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'qantize'"):
        detquant.qantize  # noqa: B018


@pytest.mark.parametrize("module", ["detquant", "detquant.cli"])
def test_import_is_light(module):
    program = f"import sys, {module}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert not {"numpy", "onnx", "onnxruntime", "cv2", "faster_coco_eval"} & loaded
    assert importlib.import_module(module)
