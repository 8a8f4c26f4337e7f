"""What is compared: each quantiser with the settings that its users know, by the runtime that its model is for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

import onnx_ir as ir
from onnx import ModelProto
from onnx.version_converter import convert_version

from detquant.calibration import Feed
from detquant.data import Dataset
from detquant.errors import TargetError
from detquant.pipeline.calibration_images import choose_images, stream
from detquant.pipeline.detector import Detector
from detquant.pipeline.engines.nncf import OPSET, decode_part, quantize_for
from detquant.pipeline.job import Job
from detquant.pipeline.naive import quantize_naively
from detquant.recipes import load_recipe
from detquant.targets import Artefact, load_target
from detquant.targets.onnx_file import FILE
from detquant.targets.openvino import Compiled

AMX_RECIPE = "w8a8-symmetric"
BEST_OF_ORT = {"op_types_to_quantize": ["Conv", "MatMul"], "per_channel": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What each quantiser is given."""

    detector: Detector
    dataset: Dataset
    calib: int

    def feeds(self) -> Iterator[Feed]:
        """The calibration images as network inputs, read anew each time: reading is part of the work."""
        return stream(self.detector.family, choose_images(self.dataset, self.calib, []))

    def graph(self) -> ModelProto:
        """The prepared float graph, for peers."""
        return convert_version(ir.to_proto(self.detector.model), OPSET)


@dataclass(frozen=True, slots=True)
class Quantised:
    """What a quantiser has made; its graph where the artefact is to be held to one."""

    artefact: Artefact
    qdq: ir.Model | None = None


Quantiser = Callable[[Work], Quantised]


def by_onnxruntime(work: Work, **options: object) -> Quantised:
    return Quantised(Artefact({FILE: quantize_naively(work.graph(), work.feeds(), **options)}))


def onnxruntime_percentile(work: Work) -> Quantised:
    from onnxruntime.quantization import CalibrationMethod

    return by_onnxruntime(work, calibrate_method=CalibrationMethod.Percentile, **BEST_OF_ORT)


def by_nncf(work: Work, *, target: str, **options: Any) -> Quantised:
    return Quantised(quantize_for(target, work.detector, list(work.feeds()), **options))


def nncf_without_decoding(work: Work, *, target: str) -> Quantised:
    return by_nncf(work, target=target, ignored=decode_part(work.detector))


def nncf_as_ultralytics(work: Work, *, target: str) -> Quantised:
    """As Ultralytics' exporter asks NNCF: arithmetic of the head ignored by its name, every Sigmoid, preset MIXED."""
    last = [node.name or "" for node in work.detector.model.graph if node.op_type == "Conv"][-1]
    head = "/".join(last.split("/")[:2]).lstrip("/")  # "model.22" of "/model.22/dfl/conv/Conv"
    patterns = [f".*{head}/.*/{operator}" for operator in ("Add", "Sub.*", "Mul.*", "Div.*")] + [f".*{head}/dfl.*"]
    options: dict[str, Any] = {}
    if find_spec("nncf"):
        import nncf

        options["preset"] = nncf.QuantizationPreset.MIXED
    return by_nncf(work, target=target, ignored={"patterns": patterns, "types": ["Sigmoid"]}, **options)


def by_detquant(work: Work, *, target: str, recipe: str = "w8a8") -> Quantised:
    place = load_target(target)
    job = Job(detector=work.detector, dataset=work.dataset, recipe=load_recipe(recipe), target=place, calib=work.calib)
    qdq = job.run().model.qdq()
    return Quantised(place.lower(qdq), qdq)


def symmetric(work: Work) -> Quantised:
    """For OpenVINO, refused where `quantize` would refuse it too.

    Raises:
        TargetError: OpenVINO computes signed grids rightly on processors with AMX alone, and this is none.
    """
    made = by_detquant(work, target="openvino", recipe=AMX_RECIPE)
    runner = load_target("openvino").open(made.artefact)
    if isinstance(runner, Compiled) and not any("amx" in kernel for kernel in runner.kernels()):
        raise TargetError("wrong on processors without AMX, and refused there")
    return made


OURS, ON_THE_FLY, WEIGHTS = "detquant, w8a8", "detquant, dynamic", "detquant, w8"
SYMMETRIC = f"detquant, {AMX_RECIPE}"
QUANTISERS: Mapping[str, Mapping[str, Quantiser]] = {
    "ort": {
        "onnxruntime, defaults": by_onnxruntime,
        "onnxruntime, Conv and MatMul, per channel": partial(by_onnxruntime, **BEST_OF_ORT),
        "onnxruntime, the same, percentile": onnxruntime_percentile,
        "NNCF, defaults": partial(by_nncf, target="ort"),
        "NNCF, decode part ignored": partial(nncf_without_decoding, target="ort"),
        ON_THE_FLY: partial(by_detquant, target="ort", recipe="dynamic"),
        OURS: partial(by_detquant, target="ort"),
    },
    "openvino": {
        "NNCF, defaults": partial(by_nncf, target="openvino"),
        "NNCF, decode part ignored": partial(nncf_without_decoding, target="openvino"),
        "NNCF, as Ultralytics exports": partial(nncf_as_ultralytics, target="openvino"),
        SYMMETRIC: symmetric,
        OURS: partial(by_detquant, target="openvino"),
    },
    "opencv": {
        WEIGHTS: partial(by_detquant, target="opencv", recipe="w8"),
        OURS: partial(by_detquant, target="opencv"),
    },
    "tflite": {
        ON_THE_FLY: partial(by_detquant, target="tflite", recipe="dynamic"),
        OURS: partial(by_detquant, target="tflite"),
    },
    "tflite-integer": {OURS: partial(by_detquant, target="tflite-integer")},
}
"""By runtime and by the words for the row."""

FOR_SPEED = {
    "ort": ("onnxruntime, Conv and MatMul, per channel", OURS),
    "openvino": ("NNCF, decode part ignored", OURS),
    "opencv": (OURS,),
    "tflite": (OURS,),
}
"""Those whose latency is compared where weights are not trained."""
