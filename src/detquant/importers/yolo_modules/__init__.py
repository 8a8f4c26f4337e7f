"""Networks of Ultralytics, YOLOv5 and YOLOv7 as ONNX, each pickled module written by what it says of itself."""

from __future__ import annotations

from detquant.importers.yolo_modules.network import KINDS, Written, write

__all__ = ["KINDS", "Written", "write"]
