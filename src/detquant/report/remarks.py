"""What is said below the tables, one sentence each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from detquant.report.sheets import integer_share

SHOWN = 5


def remarks(report: Mapping[str, Any]) -> list[str]:
    """How much runs in integers, what the guard did, and what else there is to know of a quantisation."""
    said = []
    if share := report.get("int8"):
        said.append(f"{integer_share(share)}.")
    return [*said, *report.get("runtime", ()), *report.get("guard", ()), *report.get("notes", ())]


def warnings(figures: Mapping[str, Any]) -> list[str]:
    """What went less well than it should: the report's own warnings, and images that were left out."""
    return [*figures.get("warnings", ()), *skipped(figures.get("skipped", ()))]


def slower(model: Mapping[str, Any]) -> list[str]:
    """Which precisions of a workflow's model take longer than its first, one sentence each."""
    first, *others = model["rows"]
    return [
        f"{one['precision']} takes {one['ratio']:.2f} times as long as {first['precision']} on this machine."
        for one in others
        if one["ratio"] > 1
    ]


def picture_remark(picture: Mapping[str, Any]) -> str:
    """What the demo's picture shows, and by what rule its scene was chosen."""
    reference, other, *_ = picture["found"]
    counts = ", ".join(f"{name} {count}" for name, count in picture["found"].items())
    return (
        f"{picture['file']} shows {picture['image']}: of the scenes in which {reference} makes the fewest mistakes, "
        f"the one in which {other} loses most. Objects found of {picture['objects']}: {counts}."
    )


def zoo_remarks() -> list[str]:
    """Where the figures come from, and how to go on."""
    return [
        "Accuracies are those of the publishers; a size or a figure that is not certain is left out.",
        "Fetch one with  detquant fetch NAME  and read its licence: it binds what you make of the model or the data.",
    ]


def fetch_remarks(figures: Mapping[str, Any]) -> list[str]:
    """Where the files are, what they stand under, and what the zoo has to say of them."""
    note = [figures["note"]] if figures["note"] else []
    return [f"{figures['path']}, licence {figures['licence']}, see {figures['page']}", *note]


def unchecked(figures: Mapping[str, Any]) -> list[str]:
    """For each file without a checksum, what the user can do about it."""
    return [
        f"The publisher of {one['file']} gives no checksum: sha256 of what came is {one['sha256']}, compare it "
        f"yourself; keep it with --sha256 next time."
        for one in figures["files"]
        if not one["checked"]
    ]


def skipped(images: Iterable[Mapping[str, str]]) -> list[str]:
    """How many images were left out, and the first of them by name."""
    reasons = list(dict.fromkeys(_named(one) for one in images))
    if not reasons:
        return []
    count = "1 image was" if len(reasons) == 1 else f"{len(reasons)} images were"
    more = f"; and {len(reasons) - SHOWN} more" if len(reasons) > SHOWN else ""
    return [f"{count} left out: {'; '.join(reasons[:SHOWN])}{more}."]


def _named(one: Mapping[str, str]) -> str:
    """The reason, with the path unless it says it already."""
    return one["reason"] if one["path"] in one["reason"] else f"{one['path']}: {one['reason']}"
