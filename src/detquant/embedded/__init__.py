"""Models that ship with detquant, so that it can show its work on a machine that has none."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from detquant.errors import ModelError, unknown_name

__all__ = ["MODELS", "Embedded", "embedded_model"]


class Embedded(NamedTuple):
    """A file beside this one.

    Attributes:
        file: name of the file.
        description: one sentence.
    """

    file: str
    description: str


MODELS = {
    "yolov8-pico": Embedded(
        "yolov8-pico.onnx",
        "A YOLOv8 of 0.57 million parameters for the embedded scenes: 256x256, 10 classes, BatchNorm not folded.",
    ),
    "resnet-pico": Embedded(
        "resnet-pico.onnx",
        "A ResNet-20 of 0.27 million parameters for the embedded crops: 32x32, 10 classes, BatchNorm not folded.",
    ),
}
"""Embedded models by the name that stands for a path where no file has that name."""


def embedded_model(name: str) -> Path:
    """The file of an embedded model.

    Args:
        name: a key of `MODELS`.

    Raises:
        ModelError: there is none of that name.
    """
    if name not in MODELS:
        raise ModelError(unknown_name("embedded model", name, MODELS))
    return Path(__file__).with_name(MODELS[name].file)
