"""Results as plain values: what `--json` writes and the tables show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from detquant.pipeline.benchmark import Timed
from detquant.pipeline.predict import Prediction


def benchmark_figures(timed: Sequence[Timed], *, threads: int, runs: int) -> dict[str, Any]:
    """A benchmark, the models in the order in which they were named."""
    models = [
        {
            **one.detector.identity,
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


def prediction_figures(prediction: Prediction, drawn: str) -> dict[str, Any]:
    """The objects of one image, and the file that they are drawn in."""
    found = prediction.detections
    parts = (prediction.names, found.class_id.tolist(), found.confidence.tolist(), found.xyxy.tolist())
    return {
        "image": str(prediction.path),
        "drawn": drawn,
        "detections": [
            {"class": name, "class_id": class_id, "confidence": confidence, "xyxy": xyxy}
            for name, class_id, confidence, xyxy in zip(*parts, strict=True)
        ],
    }
