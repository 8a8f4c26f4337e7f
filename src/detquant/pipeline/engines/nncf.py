"""NNCF, Intel's Neural Network Compression Framework: its post-training quantisation with its own settings.

It is given the same calibration images and the same prepared graph; the decode part, which it would quantise too, is
ignored by name, as its users learn to do. What comes back goes through the same measurements.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import onnx_ir as ir
from onnx import ModelProto
from onnx.version_converter import convert_version

from detquant.calibration import Feed, Note
from detquant.data import Skip
from detquant.errors import MissingExtra, ModelError, TargetError, in_short
from detquant.graph import find_decode_tail
from detquant.pipeline.calibration_images import choose_images, stream
from detquant.pipeline.detector import Detector
from detquant.pipeline.engines._base import Product
from detquant.pipeline.job import Job
from detquant.pipeline.label import label
from detquant.pipeline.memory import peak_rss_mb
from detquant.report.quantization import Calibration, Quantization
from detquant.targets import Artefact, openvino
from detquant.targets.onnx_file import FILE

OPSET = 19
"""Opset of the graph: below 13 DequantizeLinear has no axis; at 21 onnxruntime refuses what NNCF makes of YOLOX."""
IGNORED = "the decode part ignored"
Quantise = Callable[[Any], Any]
"""Quantises a model in NNCF's terms."""


def quantize(job: Job) -> Product:
    """Quantises by `nncf.quantize`.

    Raises:
        MissingExtra: NNCF is not installed.
        TargetError: it has nothing for the job's target.
        ModelError: it fails; the sentence holds its reason.
    """
    started, skipped = time.perf_counter(), list[Skip]()
    paths = choose_images(job.dataset, job.calib, skipped)
    artefact = quantize_for(
        job.target.name, job.detector, list(stream(job.detector.family, paths)), ignored=decode_part(job.detector)
    )
    seconds = round(time.perf_counter() - started, 3)
    took = Calibration(images=len(paths), seconds=seconds, peak_rss_mb=round(peak_rss_mb(), 1))
    return Product(
        artefact=artefact,
        quantization=Quantization(recipe=f"nncf {version('nncf')}", engine="nncf", calibration=took),
        notes=(Note(step="nncf", sentence=f"Quantised by NNCF {version('nncf')} with its defaults, {IGNORED}."),),
        skipped=tuple(skipped),
    )


def decode_part(detector: Detector) -> dict[str, Any]:
    """The scope that users learn to ignore: the decode tail and the convolutions that feed it."""
    tail = find_decode_tail(detector.model.graph)
    return {"names": [node.name or "" for node in (*tail.nodes, *tail.head_convs)]}


def quantize_for(
    target: str, detector: Detector, feeds: Sequence[Feed], *, ignored: Mapping[str, Any] | None = None, **options: Any
) -> Artefact:
    """The model as NNCF quantises it for a runtime.

    Args:
        target: a key of `MAKERS`.
        detector: float.
        feeds: calibration images as network inputs.
        ignored: arguments of `nncf.IgnoredScope`.
        options: further arguments of `nncf.quantize`.

    Raises:
        MissingExtra, TargetError, ModelError: as `quantize`.
    """
    if target not in MAKERS:
        raise TargetError(f"NNCF makes models for {' and '.join(MAKERS)}, not for {target}: leave out --engine.")
    if not find_spec("nncf"):
        raise MissingExtra("NNCF", "bench")
    graph = detector.model.clone()
    label(graph, detector, "nncf", target)
    return MAKERS[target](graph, partial(_nncf, feeds=feeds, ignored=ignored or {}, options=options))


def _for_onnx(graph: ir.Model, quantise: Quantise) -> Artefact:
    read = convert_version(ir.to_proto(graph), OPSET)
    for key, text in graph.metadata_props.items():  # the converter forgets them
        if key not in {entry.key for entry in read.metadata_props}:
            read.metadata_props.add(key=key, value=text)
    made: ModelProto = quantise(read)
    return Artefact({FILE: made.SerializeToString(deterministic=True)})


def _for_openvino(graph: ir.Model, quantise: Quantise) -> Artefact:
    return openvino.save(quantise(openvino.read(graph)))


MAKERS: Mapping[str, Callable[[ir.Model, Quantise], Artefact]] = {
    "ort": _for_onnx,
    "openvino": _for_openvino,
}


def _nncf(model: Any, *, feeds: Sequence[Feed], ignored: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
    logging.getLogger("nncf").setLevel(logging.ERROR)  # the graph is prepared, so its advice is moot
    import nncf

    logging.getLogger("nncf").setLevel(logging.ERROR)
    scope, data = nncf.IgnoredScope(**ignored, validate=False), nncf.Dataset(list(feeds))
    try:
        with redirect_stdout(sys.stderr):  # its progress; stdout is for figures
            return nncf.quantize(model, data, subset_size=len(feeds), ignored_scope=scope, **options)
    except Exception as error:  # its failures have no common class
        raise ModelError(f"NNCF fails with {in_short(error)}.") from error
