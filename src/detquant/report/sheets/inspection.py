"""What a model is made of, and what is planned for it."""

from __future__ import annotations

from collections.abc import Mapping

from detquant.report.quantization import IntegerShare
from detquant.report.sheets._base import Figures, Sheet
from detquant.report.sheets.numbers import integer_share, megabytes


def model(figures: Figures) -> Sheet:
    """The parts that a model is made of."""
    share, known = figures["int8"], figures["family"] is not None
    planned = "quantised already" if figures["quantized"] else "not planned, as the family is unknown"
    others = "; ".join(f"{name}, {mark}" for name, mark in figures["other_families"].items())
    of_family = [
        *([("not taken for", others)] if others else []),
        ("read as", figures["reading"]),
        ("fed", figures["fed"]),
        ("classes", str(len(figures["classes"] or ()))),
    ]
    rows = [
        ("file", figures["importer_reason"]),
        ("family", figures["family_reason"] if known else f"unknown: {figures['family_reason']}"),
        *(of_family if known else ()),
        *([("warning", figures["not_finite"])] if figures["not_finite"] else []),
        *(("input", f"{name} {end['words']}") for name, end in figures["inputs"].items()),
        *(("output", f"{name} {end['words']}") for name, end in figures["outputs"].items()),
        ("parameters", f"{figures['parameters']:,}"),
        ("MACs", f"{figures['macs']:,}" if figures["macs"] else "not known"),
        ("size", megabytes(figures["size_bytes"])),
        ("decode tail", figures["decode_tail"]),
        (
            f"{figures['recipe']} on {figures['target']}",
            integer_share(IntegerShare(**share)) if share else planned,
        ),
    ]
    return Sheet(figures["model"], ("", ""), rows, False)


def operators(figures: Figures) -> Sheet:
    """How often each operator occurs."""
    rows = [(name, str(count)) for name, count in figures["operators"].items()]
    return Sheet("Operators", ("operator", "count"), rows)


def kept_float(reasons: Mapping[str, int] | None) -> Sheet | None:
    """Operators that stay float, by reason; None where there are none."""
    if not reasons:
        return None
    return Sheet("Kept in float", ("reason", "operators"), [(why, str(n)) for why, n in reasons.items()])


def plan_points(figures: Figures) -> Sheet:
    """Where each tensor's grid comes from."""
    rows = [(one["tensor"], one["grid"], one["detail"]) for one in figures["points"]]
    title = f"Tensors: recipe {figures['recipe']}, target {figures['target']}"
    return Sheet(title, ("tensor", "grid", "detail"), rows, False)


def plan_weights(figures: Figures) -> Sheet:
    """The wish for each weight."""
    rows = [(one["operator"], one["detail"]) for one in figures["weights"]]
    return Sheet("Weights", ("operator", "grid"), rows, False)


def plan_float(figures: Figures) -> Sheet | None:
    """Each operator that stays float; None where there is none."""
    if not figures["kept_float"]:
        return None
    return Sheet("Kept in float", ("operator", "reason"), list(figures["kept_float"].items()), False)
