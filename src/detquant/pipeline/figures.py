"""Results as plain values: what `--json` writes and the tables show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from detquant.data import Dataset
from detquant.evaluation.scorers import figures
from detquant.pipeline.benchmark import Timed
from detquant.pipeline.detector import Detector
from detquant.pipeline.evaluate import Evaluation
from detquant.pipeline.predict import Prediction
from detquant.report.report import skip_figures


def evaluation_figures(detector: Detector, dataset: Dataset, evaluation: Evaluation) -> dict[str, Any]:
    """An evaluation; the measures of the task are None where neither objects nor classes are known."""
    accuracy = evaluation.accuracy
    return {
        **_identity(detector),
        "target": evaluation.target,
        "task": detector.family.task,
        "data": dataset.name,
        **figures(detector.family.task, accuracy),
        "per_class": dict(accuracy.per_class) if accuracy else None,
        "images": evaluation.images,
        "objects": evaluation.objects,
        "latency_ms": evaluation.latency_ms["inference"],
        "stages_ms": dict(evaluation.latency_ms),
        "skipped": skip_figures(evaluation.skipped),
        "notes": list(evaluation.notes),
        "warnings": list(evaluation.warnings),
    }


def benchmark_figures(timed: Sequence[Timed], *, threads: int, runs: int) -> dict[str, Any]:
    """A benchmark, the models in the order in which they were named."""
    models = [
        {
            **_identity(one.detector),
            "target": one.opening.target,
            "size_bytes": one.detector.imported.size_bytes,
            "latency_ms": one.latency.median_ms,
            "p10_ms": one.latency.p10_ms,
            "p90_ms": one.latency.p90_ms,
            "ratio": one.ratio,
        }
        for one in timed
    ]
    notes = dict.fromkeys(note for one in timed for note in one.opening.notes)
    return {"threads": threads, "runs": runs, "models": models, "notes": list(notes)}


def prediction_figures(prediction: Prediction, classes: Sequence[str], drawn: str) -> dict[str, Any]:
    """The objects of one image, and the file that they are drawn in."""
    found = prediction.detections
    objects = zip(found.class_id.tolist(), found.confidence.tolist(), found.xyxy.tolist(), strict=True)
    return {
        "image": str(prediction.path),
        "drawn": drawn,
        "detections": [
            {"class": classes[class_id], "class_id": class_id, "confidence": confidence, "xyxy": xyxy}
            for class_id, confidence, xyxy in objects
        ],
    }


def _identity(detector: Detector) -> dict[str, str]:
    return {
        "model": str(detector.imported.path),
        "model_sha256": detector.imported.sha256,
        "family": detector.family.name,
        "family_reason": detector.reason,
    }
