"""Quantises object detectors to INT8 and proves that they still see.

    import detquant

    result = detquant.quantize("yolov8n.onnx", "data.yaml", recipe="w8a8", target="ort")
    print(result.report.drop)
    result.save("out")

Or, on a machine that has neither: `detquant.quantize("yolov8-pico", "scenes")`. Where a function takes a model, it
takes a path or a detector that was loaded before; where it takes data, a path or a data set that was opened before.

What is needed for that is imported when it is first used, so `import detquant` is quick.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from detquant._version import __version__

if TYPE_CHECKING:
    from detquant.data import Dataset, open_dataset
    from detquant.errors import DetquantError
    from detquant.pipeline.benchmark import benchmark
    from detquant.pipeline.choose import choose
    from detquant.pipeline.detector import Detector, load
    from detquant.pipeline.evaluate import evaluate
    from detquant.pipeline.export import export
    from detquant.pipeline.inspection import inspect, plan
    from detquant.pipeline.mixed_precision import mixed_precision
    from detquant.pipeline.predict import predict
    from detquant.pipeline.quantize import Result, quantize
    from detquant.pipeline.sensitivity import sensitivity
    from detquant.pipeline.verify import verify
    from detquant.recipes import Recipe, load_recipe
    from detquant.report.report import Report
    from detquant.targets import Target, load_target

# OpenVINO's converters and NNCF send figures of use to their makers unless each user has said no. Without this module
# they send none; a program that has imported it before keeps what it decided.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

__all__ = [
    "Dataset",
    "Detector",
    "DetquantError",
    "Recipe",
    "Report",
    "Result",
    "Target",
    "__version__",
    "benchmark",
    "choose",
    "evaluate",
    "export",
    "inspect",
    "load",
    "load_recipe",
    "load_target",
    "mixed_precision",
    "open_dataset",
    "plan",
    "predict",
    "quantize",
    "sensitivity",
    "verify",
]

_HOMES = {
    "Dataset": "detquant.data",
    "Detector": "detquant.pipeline.detector",
    "DetquantError": "detquant.errors",
    "Recipe": "detquant.recipes",
    "Report": "detquant.report.report",
    "Result": "detquant.pipeline.quantize",
    "Target": "detquant.targets",
    "benchmark": "detquant.pipeline.benchmark",
    "choose": "detquant.pipeline.choose",
    "evaluate": "detquant.pipeline.evaluate",
    "export": "detquant.pipeline.export",
    "inspect": "detquant.pipeline.inspection",
    "load": "detquant.pipeline.detector",
    "load_recipe": "detquant.recipes",
    "load_target": "detquant.targets",
    "mixed_precision": "detquant.pipeline.mixed_precision",
    "open_dataset": "detquant.data",
    "plan": "detquant.pipeline.inspection",
    "predict": "detquant.pipeline.predict",
    "quantize": "detquant.pipeline.quantize",
    "sensitivity": "detquant.pipeline.sensitivity",
    "verify": "detquant.pipeline.verify",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'detquant' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
