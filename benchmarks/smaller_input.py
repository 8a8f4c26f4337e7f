"""A model at a smaller input: the other way to fewer multiply-accumulates, which needs no method at all."""

from __future__ import annotations

import tempfile
from pathlib import Path

from detquant.embedded import MODELS, embedded_model
from detquant.errors import OptionError
from detquant.pipeline.detector import Detector, load


def at_side(model: str, side: int) -> Detector:
    """A detector that is given images of this side.

    Args:
        model: its file, whose input is open or which holds weights without a size, or the name of an embedded detector,
            which is built anew from its weights (extra `torch`).
        side: in pixels.

    Raises:
        OptionError: a classifier that ships with detquant has one size.
        DetquantError: the model cannot be had at this side.
    """
    if model not in MODELS or Path(model).exists():
        return load(model, imgsz=side)
    known = load(model)
    if known.family.task != "detect":
        raise OptionError(f"'{model}' has one input size: --sides is of detectors.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{model}-{side}.onnx")
        path.write_bytes(_built(model, side, tuple(known.family.classes)))
        return load(path)


def _built(model: str, side: int, classes: tuple[str, ...]) -> bytes:
    from detquant.architectures import load_architecture
    from detquant.architectures.export import export_onnx
    from detquant.architectures.export_metadata import detector_metadata
    from detquant.architectures.weights import load_weights

    network = load_architecture("yolov8")("pico", len(classes))
    load_weights(network, embedded_model(model).with_suffix(".npz"))
    return export_onnx(network.eval(), (1, 3, side, side), detector_metadata(classes, side))
