"""The one question every pass is asked: is it still the same function?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from detquant.graph.running import OrtRunner

WEIGHTS = Path(__file__).resolve().parents[3] / "shared" / "assets" / "weights" / "detect"


@pytest.fixture
def greatest_difference() -> Callable[..., float]:
    """greatest_difference(before, after, shape): largest |a - b| over all outputs, on random input."""

    def compare(before: ir.Model, after: ir.Model, shape: tuple[int, ...], scale: float = 1.0) -> float:
        image = (np.random.default_rng(0).standard_normal(shape) * scale).astype(np.float32)
        first, second = OrtRunner(before, optimisation="none"), OrtRunner(after, optimisation="none")
        name = second.input_names[0]
        expected, found = first.run({name: image}), second.run({name: image})
        assert list(expected) == list(found)
        return max(float(np.abs(expected[key] - found[key]).max()) for key in expected)

    return compare


@pytest.fixture
def weights() -> Callable[[str], Path]:
    """weights("yolov8n.onnx"): the file, or the test is skipped."""

    def find(name: str) -> Path:
        if not (WEIGHTS / name).is_file():
            pytest.skip(f"the trained detector {name} is not beside the checkout")
        return WEIGHTS / name

    return find
