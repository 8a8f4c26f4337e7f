"""TensorFlow, with the warnings of its own dependencies silenced, and nets to export."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detquant.graph import OrtRunner, prepare
from detquant.importers import ImportedModel, load_model


@pytest.fixture(scope="session")
def tensorflow() -> Any:
    """The module, quiet, on one thread; skips where an extra is missing."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    pytest.importorskip("openvino", reason="the extra openvino is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = pytest.importorskip("tensorflow", reason="the extra tensorflow is not installed")
    module.config.threading.set_intra_op_parallelism_threads(1)
    module.config.threading.set_inter_op_parallelism_threads(1)
    module.get_logger().setLevel("ERROR")
    return module


def first(images: np.ndarray) -> np.ndarray:
    """Channels first."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


@pytest.fixture
def compare() -> Callable[..., ImportedModel]:
    """compare(path, images, expected): the file's outputs for images [1, h, w, 3], as imported and as prepared."""

    def check(
        path: Path, images: np.ndarray, expected: list[np.ndarray], tolerance: float = 1e-4, imgsz: int | None = None
    ) -> ImportedModel:
        imported = load_model(path, imgsz)
        [image] = imported.model.graph.inputs
        assert tuple(image.shape or ()) == first(images).shape
        for model in (imported.model, prepare(imported.model)):
            found = list(OrtRunner(model).run({image.name or "": first(images).astype(np.float32)}).values())
            assert [one.shape for one in found] == [one.shape for one in expected]
            for one, other in zip(found, expected, strict=True):
                scale = max(1e-3, float(np.abs(other).max(initial=0)))
                np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * scale)
        return imported

    return check
