"""Small OpenVINO models, run by OpenVINO itself and, translated, by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detquant.graph import OrtRunner

Arrays = Sequence[np.ndarray]


@pytest.fixture(scope="session")
def run_openvino() -> Callable[..., list[np.ndarray]]:
    """run_openvino(model, arrays): its outputs, in single precision whatever the processor would rather use."""
    openvino = pytest.importorskip("openvino", reason="the extra openvino is not installed")
    core = openvino.Core()

    def run(model: Any, arrays: Arrays) -> list[np.ndarray]:
        compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1})
        results = compiled(list(arrays))
        return [np.array(results[port]) for port in compiled.outputs]

    return run


@pytest.fixture
def compare(run_openvino: Callable[..., list[np.ndarray]]) -> Callable[..., Any]:
    """compare(outputs, parameters, arrays): OpenVINO's results against those of the translation, which it gives."""
    import openvino

    from detquant.importers.openvino.folding import fold
    from detquant.importers.openvino.translation import translate

    def check(outputs: Sequence[Any], parameters: Sequence[Any], arrays: Arrays, tolerance: float = 1e-5) -> Any:
        model = openvino.Model(list(outputs), list(parameters), "test")
        expected = run_openvino(model, arrays)
        fold(model)
        translated = translate(model, Path("test.xml"))
        names = [value.name for value in translated.graph.inputs]
        found = list(OrtRunner(translated, optimisation="none").run(dict(zip(names, arrays, strict=True))).values())
        assert [one.shape for one in found] == [one.shape for one in expected]
        assert [one.dtype for one in found] == [one.dtype for one in expected]
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)
        return translated

    return check
