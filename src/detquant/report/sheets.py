"""What the tables say, as text: made from plain values, shown on a terminal or written as Markdown."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Figures = Mapping[str, Any]
Row = tuple[str, ...]

WORST = 10
MANY_CLASSES = 100
MEASURES = {"ap": "AP", "ap50": "AP50", "ap75": "AP75", "top1": "top-1", "top5": "top-5"}
UNKNOWN = "–"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of text.

    Attributes:
        title: of the table.
        header: of the columns; the first one is aligned left.
        rows: of the same length as the header.
        numeric: whether the other columns hold numbers.
    """

    title: str
    header: Row
    rows: Sequence[Row]
    numeric: bool = True


def comparison(report: Figures) -> Sheet:
    """Float beside quantised."""
    before, after = report["float"], report["quantized"]
    rows = [
        (label, f"{before[key]:.2f}", f"{after[key]:.2f}", f"{after[key] - before[key]:+.2f}")
        for key, label in MEASURES.items()
        if before.get(key) is not None
    ]
    for label, key, show in (("latency", "latency_ms", milliseconds), ("size", "size_bytes", megabytes)):
        rows.append((label, show(before[key]), show(after[key]), _times(after[key], before[key])))
    title = f"{report['model']}: {report['images']} images, target {report['target']}"
    return Sheet(title, ("", "float", str(report["recipe"]), "change"), rows)


def agreement(report: Figures) -> Sheet | None:
    """How far both models find the same objects; None where that was not measured."""
    found = report.get("agreement")
    if not found:
        return None
    if "top1" in found:
        return Sheet("Agreement with the float model", ("", ""), [("the same class", f"{found['top1']:.2f} %")])
    rows = [
        ("F1", f"{100 * found['f1']:.2f} %"),
        ("mean IoU of the matches", f"{found['mean_iou']:.4f}"),
        ("matches", str(found["matches"])),
        ("objects, float", str(found["reference_boxes"])),
        ("objects, quantised", str(found["candidate_boxes"])),
    ]
    return Sheet("Agreement with the float model", ("", ""), rows)


def worst_tensors(report: Figures, count: int = WORST) -> Sheet | None:
    """The tensors that lost most; None where that was not measured."""
    known = {name: _number(value) for name, value in (report.get("sqnr_db") or {}).items()}
    lowest = sorted(known.items(), key=lambda item: item[1])[:count]
    if not lowest:
        return None
    title = f"The {len(lowest)} tensors with the lowest SQNR, of {len(known)}"
    return Sheet(title, ("tensor", "SQNR"), [(name, decibel(value)) for name, value in lowest])


def files(report: Figures) -> Sheet | None:
    """What was written for the target, with what a vendor's compiler made of it; None where that is not known."""
    rows = [(one["file"], f"{one['size_bytes']:,}", one["sha256"]) for one in report.get("files", ())]
    return Sheet("Files", ("file", "bytes", "sha256"), rows, False) if rows else None


def evaluation(figures: Figures) -> Sheet:
    """One model's accuracy and latency."""
    rows = [
        (label, UNKNOWN if figures[key] is None else f"{figures[key]:.2f}")
        for key, label in MEASURES.items()
        if key in figures
    ]
    if figures["task"] == "detect":
        rows.append(("objects found", str(figures["objects"])))
    rows += [(stage, milliseconds(value)) for stage, value in figures["stages_ms"].items()]
    return Sheet(f"{figures['model']}: {figures['images']} images", ("", figures["family"]), rows)


def per_class(figures: Figures) -> Sheet | None:
    """The first measure of each class, the best first; None where nothing is known."""
    known = figures.get("per_class")
    if not known:
        return None
    ordered = sorted(known.items(), key=lambda item: -item[1])
    label = next(label for key, label in MEASURES.items() if key in figures)
    title = f"{label} of each class"
    if len(ordered) > MANY_CLASSES:
        title = f"The {WORST} classes with the lowest {label}, of {len(ordered)}"
        ordered = ordered[: -WORST - 1 : -1]
    return Sheet(title, ("class", label), [(name, f"{value:.2f}") for name, value in ordered])


def benchmark(figures: Figures) -> Sheet:
    """Models side by side."""
    rows = [
        (
            one["model"],
            milliseconds(one["latency_ms"]),
            milliseconds(one["p10_ms"]),
            milliseconds(one["p90_ms"]),
            f"{one['ratio']:.2f}",
            megabytes(one["size_bytes"]),
        )
        for one in figures["models"]
    ]
    title = f"Inference, {figures['runs']} runs of each in turn, {threads(figures['threads'])}"
    return Sheet(title, ("model", "median", "p10", "p90", "ratio", "size"), rows)


def demo(figures: Figures) -> Sheet:
    """The demo's models; one that could not be made has a row that says why."""
    rows = []
    for one in figures["rows"]:
        if one["failure"]:
            rows.append((f"{one['title']}: {one['failure']}", *[UNKNOWN] * 5))
            continue
        accuracy = f"{one['ap']:.2f}", f"{one['ap50']:.2f}"
        time = milliseconds(one["latency_ms"]), f"{one['ratio']:.2f}×"
        rows.append((one["title"], *accuracy, *time, kilobytes(one["size_bytes"])))
    images = f"{figures['images']} images of {figures['data']}"
    title = f"{figures['model']}: {images}, {threads(figures['threads'])}, taking turns"
    return Sheet(title, ("model", "AP", "AP50", "latency", "to float", "size"), rows)


def predictions(figures: Figures) -> Sheet:
    """What was found in each image."""
    rows = []
    for one in figures["images"]:
        counts = Counter(found["class"] for found in one["detections"])
        found = ", ".join(f"{number} {name}" for name, number in counts.most_common()) or "nothing"
        rows.append((one["image"], found, one["drawn"]))
    return Sheet(f"Objects, confidence {figures['confidence']:g}", ("image", "found", "drawn"), rows, False)


def zoo(figures: Figures) -> Sheet:
    """Models and data sets, with what is known of them before they are fetched."""
    rows = []
    for one in figures["entries"]:
        sizes = [source["megabytes"] for source in one["sources"] if source["megabytes"] is not None]
        size = f"{sum(sizes):.1f} MB" if sizes else ""
        accuracy = f"{one['accuracy'][0]:.1f} {one['accuracy'][1]}" if one["accuracy"] else ""
        rows.append((one["name"], one["kind"], size, one["licence"], accuracy))
    header = ("name", "kind", "size", "licence", "accuracy")
    return Sheet(f"{len(rows)} models and data sets", header, rows, False)


def zoo_sources(figures: Figures) -> Sheet:
    """Where the files of the zoo come from; apart from the rest, so that an address keeps to one line."""
    rows = [
        (one["name"], _checksum(source), source["address"]) for one in figures["entries"] for source in one["sources"]
    ]
    return Sheet("Sources", ("name", "sha256", "address"), rows, False)


def fetched(figures: Figures) -> Sheet:
    """The files of one entry of the zoo."""
    rows = [
        (
            one["file"],
            megabytes(one["size_bytes"]),
            "was here already" if one["already"] else "fetched",
            one["checked"] or "not checked",
            one["sha256"],
        )
        for one in figures["files"]
    ]
    return Sheet(figures["name"], ("file", "size", "", "checked", "sha256"), rows, False)


def choice(figures: Figures) -> Sheet:
    """What runs on this machine, the fastest first; the rows that nothing beats in everything are marked."""
    label = MEASURES.get(figures["measure"], "agreement")
    ordered = sorted(figures["rows"], key=lambda row: row["latency_ms"])
    rows = [
        (
            f"{one['target']} {one['precision']}",
            f"{one[figures['measure']]:.2f}",
            milliseconds(one["latency_ms"]),
            megabytes(one["size_bytes"]),
            "best" if one["best"] else "",
        )
        for one in ordered
    ]
    title = f"{figures['model']}: {figures['images']} images of {figures['data']}, {threads(figures['threads'])}"
    return Sheet(title, ("", label, "latency", "size", ""), rows)


def workflow(figures: Figures, model: Figures) -> Sheet:
    """One model of a workflow in each precision; the first is what the others are compared with."""
    known = [key for key in (*MEASURES, "agreement") if model["rows"][0].get(key) is not None]
    rows = [
        (
            one["precision"],
            *(f"{one[key]:.2f}" for key in known),
            milliseconds(one["latency_ms"]),
            f"{one['ratio']:.2f}×",
            megabytes(one["size_bytes"]),
        )
        for one in model["rows"]
    ]
    title = f"{model['model']} on {figures['target']}: {model['images']} images of {figures['data']}"
    header = (*(MEASURES.get(key, "agreement, %") for key in known), "latency", "to the first", "size")
    return Sheet(f"{title}, {threads(figures['threads'])}", ("", *header), rows)


def targets(figures: Figures) -> Sheet:
    """Places to run."""
    rows = [
        (one["name"], one["title"], ", ".join(one["precisions"]), one["version"] or one["missing"])
        for one in figures["targets"]
    ]
    return Sheet("Targets", ("target", "", "takes", "runtime here"), rows, False)


def export(figures: Figures) -> Sheet:
    """A float model in a target's format."""
    rows = [
        ("files", ", ".join(figures["files"])),
        ("size", megabytes(figures["size_bytes"])),
        ("largest difference from the original", f"{figures['difference']:.2e} of the largest value"),
    ]
    return Sheet(f"{figures['model']}: {figures['precision']} for {figures['target']}", ("", ""), rows, False)


def model(figures: Figures) -> Sheet:
    """What a model is made of."""
    share = figures["int8"]
    rows = [
        ("file", figures["importer_reason"]),
        ("family", figures["family_reason"]),
        ("input", " × ".join(map(str, figures["input"]))),
        ("classes", str(len(figures["classes"]))),
        ("parameters", f"{figures['parameters']:,}"),
        ("MACs", f"{figures['macs']:,}"),
        ("size", megabytes(figures["size_bytes"])),
        ("decode tail", figures["decode_tail"]),
        (
            f"{figures['recipe']} on {figures['target']}",
            integer_share(share) if share else "quantised already",
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


def integer_share(share: Figures) -> str:
    """A sentence without its full stop: 62 of 98 operators in integers, 97.3 % of the MACs."""
    return f"{share['operators']} of {share['of']} operators in integers, {share['macs_percent']:.1f} % of the MACs"


def milliseconds(value: float) -> str:
    """12.34 ms."""
    return f"{value:.2f} ms"


def megabytes(value: int) -> str:
    """Bytes as 3.45 MB, a megabyte being a million bytes."""
    return f"{value / 1e6:.2f} MB"


def kilobytes(value: int) -> str:
    """Bytes as 345 kB, a kilobyte being a thousand bytes."""
    return f"{value / 1e3:.0f} kB"


def decibel(value: float) -> str:
    """34.5 dB; a tensor without any error has infinitely many."""
    return f"{value:.1f} dB" if math.isfinite(value) else "exact"


def _checksum(source: Figures) -> str:
    """Whether a file of the zoo can be checked."""
    return "known" if source["sha256"] else f"{source['sha256_start']}…" if source["sha256_start"] else "none"


def _number(value: float | None) -> float:
    return math.inf if value is None else float(value)


def _times(after: float, before: float) -> str:
    return f"{after / before:.2f}×" if before else UNKNOWN


def threads(count: int) -> str:
    """1 thread, 2 threads."""
    return "1 thread" if count == 1 else f"{count} threads"
