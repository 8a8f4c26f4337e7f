"""What the tables say, as text: made from plain values, shown on a terminal or written as Markdown."""

from __future__ import annotations

from detquant.report.sheets._base import Sheet
from detquant.report.sheets.catalogue import fetched, zoo, zoo_sources
from detquant.report.sheets.curves import curves
from detquant.report.sheets.examination import examination
from detquant.report.sheets.findings import evaluation, per_class, predictions
from detquant.report.sheets.inspection import kept_float, model, operators, plan_float, plan_points, plan_weights
from detquant.report.sheets.numbers import integer_share, megabytes, threads
from detquant.report.sheets.places import export, proof, recipes, targets
from detquant.report.sheets.quantization import agreement, comparison, files, worst_tensors
from detquant.report.sheets.several_models import benchmark, choice, demo, steps, workflow
from detquant.report.sheets.widths import losses, tensor_losses, tried, widths

__all__ = [
    "Sheet",
    "agreement",
    "benchmark",
    "choice",
    "comparison",
    "curves",
    "demo",
    "evaluation",
    "examination",
    "export",
    "fetched",
    "files",
    "integer_share",
    "kept_float",
    "losses",
    "megabytes",
    "model",
    "operators",
    "per_class",
    "plan_float",
    "plan_points",
    "plan_weights",
    "predictions",
    "proof",
    "recipes",
    "steps",
    "targets",
    "tensor_losses",
    "threads",
    "tried",
    "widths",
    "workflow",
    "worst_tensors",
    "zoo",
    "zoo_sources",
]
