"""Places to run, one file each, loaded when named."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from detquant.errors import TargetError, load_named
from detquant.targets._base import Artefact, Runner, Target, fitted, read_by

TARGETS = {
    "ort": "detquant.targets.ort:Ort",
    "ort-qoperator": "detquant.targets.ort_qoperator:OrtQOperator",
    "openvino": "detquant.targets.openvino:OpenVino",
    "opencv": "detquant.targets.opencv:OpenCv",
    "tensorrt": "detquant.targets.tensorrt:TensorRt",
    "pytorch": "detquant.targets.pytorch.target:PyTorch",
    "oak": "detquant.targets.oak.target:Oak",
    "tflite": "detquant.targets.tflite.target:TfLite",
    "tflite-integer": "detquant.targets.tflite.integer:TfLiteInteger",
    "edgetpu": "detquant.targets.edgetpu.target:EdgeTpu",
    "ncnn": "detquant.targets.ncnn.target:Ncnn",
    "ethosu": "detquant.targets.ethosu.target:EthosU",
    "verilog": "detquant.targets.verilog.target:Verilog",
}


def load_target(name: str) -> Target:
    """The target with this name.

    Raises:
        TargetError: there is none.

    Examples:
        >>> import detquant
        >>> detquant.load_target("ort").missing() is None  # its runtime is installed
        True
    """
    target: Target = load_named("target", name, TARGETS, TargetError)()
    return target


def target_figures() -> dict[str, Any]:
    """The targets as plain values: "name", "title", "precisions", "version" of the runtime or what is "missing"."""
    rows = [
        {
            "name": target.name,
            "title": target.title,
            "precisions": [*([] if target.float_only else ["int8"]), *target.precisions],
            "version": None if target.missing() else version(target.package),
            "missing": target.missing(),
        }
        for target in map(load_target, TARGETS)
    ]
    return {"targets": rows}


__all__ = ["TARGETS", "Artefact", "Runner", "Target", "fitted", "load_target", "read_by", "target_figures"]
