"""The report: what was measured, as plain values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import onnx_ir as ir

from detquant._version import __version__
from detquant.calibration import Feed, QuantModel
from detquant.data import Dataset, Skip
from detquant.evaluation.agreement import agreement, same_guess
from detquant.evaluation.scorers import figures, headline
from detquant.evaluation.sqnr import sqnr_by_tensor
from detquant.families.class_names import SUPPOSED
from detquant.families.fed import form_entry
from detquant.pipeline.detector import Detector
from detquant.pipeline.evaluate import Measured, Side
from detquant.pipeline.figures import skip_figures
from detquant.pipeline.inspection import describe_plan, int8_share
from detquant.recipes import Fixed
from detquant.report import sheets
from detquant.report.files import to_json
from detquant.report.plain import plain
from detquant.targets import Artefact

SQNR_IMAGES = 2
NO_TRUTH = {
    "detect": "The data has no annotations, so there is no AP: agreement with the float model's detections is given.",
    "classify": "The data has no labels, so there is no top-1: agreement with the float model's guesses is given.",
}
SLOWER = (
    "The quantised model takes {ratio:.2f} times as long as the float model on this machine ({threads}): use it for "
    "its size, or run the float model."
)


def report(
    detector: Detector,
    dataset: Dataset,
    artefact: Artefact,
    measured: Measured,
    skipped: Sequence[Skip],
    threads: int,
    *,
    timed: bool = True,
) -> dict[str, Any]:
    """What was measured, whoever quantised.

    Args:
        detector: the float model.
        dataset: what was measured on.
        artefact: what was made of it.
        measured: sides "float" and "quantized".
        skipped: calibration images that could not be read.
        threads: of the measurement.
        timed: whether the latencies tell anything about the place.
    """
    before, after = measured.sides["float"], measured.sides["quantized"]
    task, main = detector.family.task, headline(detector.family.task)
    sides = {
        "float": _side(task, before, detector.imported.size_bytes),
        "quantized": _side(task, after, artefact.size_bytes),
    }
    ratio = after.inference_ms / before.inference_ms
    everything = {skip.path: skip for skip in (*measured.skipped, *skipped)}
    return {
        **sides,
        "drop": sides["float"][main] - sides["quantized"][main] if before.accuracy and after.accuracy else None,
        "images": measured.images,
        "agreement": None if before.accuracy else _agreement(task, before, after),
        "task": task,
        "model": detector.imported.path.name,
        "model_sha256": detector.imported.sha256,
        "family": detector.family.name,
        "family_reason": detector.reason,
        "notes": [*dataset.notes, *_no_truth(task, before)],
        "warnings": [
            *dataset.warnings,
            *([SLOWER.format(ratio=ratio, threads=sheets.threads(threads))] if timed and ratio > 1.0 else []),
        ],
        "skipped": skip_figures(everything.values()),
        "artefact_digest": artefact.digest(),
    }


def decisions(qm: QuantModel) -> dict[str, Any]:
    """What detquant decided about a model: how much runs in integers, what stayed float and why, and its plan."""
    return {
        "int8": int8_share(qm.reference, qm.plan),
        "kept_float": dict(qm.plan.kept_float),
        "guard": [why for why in _chosen(qm) if why.startswith("guard")],
        "notes": [*(why for why in _chosen(qm) if not why.startswith("guard")), *(note.sentence for note in qm.notes)],
        "plan_digest": hashlib.sha256(to_json(describe_plan(qm.plan)).encode()).hexdigest(),
    }


def _side(task: str, side: Side, size: int) -> dict[str, Any]:
    return {**figures(task, side.accuracy), "latency_ms": side.inference_ms, "size_bytes": size}


def _agreement(task: str, before: Side, after: Side) -> dict[str, Any]:
    """How far two models say the same of images of which nothing is known."""
    if task == "classify":
        return {"top1": same_guess(before.confident, after.confident), "images": len(before.confident)}
    return asdict(agreement(before.confident, after.confident))


def _chosen(qm: QuantModel) -> list[str]:
    """Why algorithms chose something else than the recipe for single operators, each reason once."""
    return list(dict.fromkeys(choice.why for choice in qm.choices.values()))


def _no_truth(task: str, side: Side) -> list[str]:
    return [] if side.accuracy else [NO_TRUTH[task]]


def sqnr(qm: QuantModel, qdq: ir.Model, feeds: Sequence[Feed], threads: int) -> dict[str, float]:
    """SQNR in dB of each quantised tensor, on a few images.

    Left out are tensors whose grid is chosen for what a function makes of them: SiLU's input is clipped where SiLU
    is flat, so only the function's output tells.
    """
    aside = {v.name for v in qm.reference.graph.inputs} | set(qm.plan.preactivations)
    known = {v.name for n in qdq.graph for v in n.outputs}
    tensors = {
        name: f"{name}_dequantized"
        for name in qm.activations
        if name not in aside and not isinstance(qm.plan.points[name], Fixed) and f"{name}_dequantized" in known
    }
    return sqnr_by_tensor(qm.reference, qdq, tensors, feeds[:SQNR_IMAGES], threads)


def label(qdq: ir.Model, detector: Detector, recipe: str, target: str) -> None:
    """Writes family, classes, image size and recipe into the file, beside the exporter's own metadata."""
    family = detector.family
    qdq.metadata_props.update(detector.imported.metadata)
    qdq.metadata_props.update(
        {
            "detquant.version": __version__,
            "detquant.family": family.name,
            "detquant.classes": json.dumps(list(family.classes)),
            **({SUPPOSED: "true"} if family.names_supposed else {}),
            "detquant.imgsz": json.dumps([family.height, family.width]),
            "detquant.recipe": recipe,
            "detquant.target": target,
            **family.written(),
            **(form_entry(family.form) if family.adapted and not family.input_key else {}),
        }
    )
    words = {plain(key): plain(text) for key, text in qdq.metadata_props.items()}  # no format takes lone surrogates
    qdq.metadata_props.clear()
    qdq.metadata_props.update(words)
