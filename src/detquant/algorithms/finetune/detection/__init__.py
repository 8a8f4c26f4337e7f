"""The loss of YOLOv8 and of detectors with its head: which cell answers for which object, and how well."""

from __future__ import annotations
