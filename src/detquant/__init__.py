"""Quantises object detectors to INT8 and proves that they still see.

    import detquant

    detector = detquant.load("yolov8n.onnx")
    result = detquant.quantize(detector, "data.yaml", recipe="w8a8", target="ort")
    result.save("out")

Or, on a machine that has neither: `detquant.quantize("yolov8-pico", "scenes")`.

What is needed for that is imported when it is first used, so `import detquant` is quick.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from detquant._version import __version__

if TYPE_CHECKING:
    from detquant.pipeline.detector import load
    from detquant.pipeline.quantize import quantize

# OpenVINO's converters and NNCF send figures of use to their makers unless each user has said no. Without this module
# they send none; a program that has imported it before keeps what it decided.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

__all__ = ["__version__", "load", "quantize"]

_HOMES = {
    "load": "detquant.pipeline.detector",
    "quantize": "detquant.pipeline.quantize",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'detquant' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
