"""Places to run, recipes, and a float model in the format of a place."""

from __future__ import annotations

from detquant.report.sheets._base import Figures, Sheet
from detquant.report.sheets.numbers import megabytes


def targets(figures: Figures) -> Sheet:
    """The places to run, with what each takes and which runtime is installed."""
    rows = [
        (one["name"], one["title"], ", ".join(one["precisions"]), one["version"] or one["missing"])
        for one in figures["targets"]
    ]
    return Sheet("Targets", ("target", "", "takes", "runtime here"), rows, False)


def proof(figures: Figures) -> Sheet:
    """What a test bench said of hardware."""
    rows = [
        ("verdict", figures["verdict"]),
        *([("clock cycles", f"{figures['cycles']:,}")] if figures["cycles"] is not None else []),
        *([("use of the array", f"{figures['use_percent']:.1f} %")] if figures["use_percent"] is not None else []),
        *([("clock cycles of the head", f"{figures['head_cycles']:,}")] if figures["head_cycles"] is not None else []),
        *([("detections", str(figures["detections"]))] if figures["detections"] is not None else []),
    ]
    return Sheet(f"{figures['folder']} in {figures['simulator']}", ("", ""), rows, False)


def recipes(figures: Figures) -> Sheet:
    """The recipes, with a sentence on each."""
    rows = [(one["name"], one["description"]) for one in figures["recipes"]]
    return Sheet("Recipes", ("recipe", ""), rows, False)


def export(figures: Figures) -> Sheet:
    """A model in a target's format."""
    of = "root mean square" if figures["precision"] == "integers" else "largest value"
    rows = [
        ("files", ", ".join(figures["files"])),
        ("size", megabytes(figures["size_bytes"], figures["zipped_bytes"])),
        ("largest difference from the original", f"{figures['difference']:.2e} of the {of}"),
    ]
    return Sheet(f"{figures['model']}: {figures['precision']} for {figures['target']}", ("", ""), rows, False)
