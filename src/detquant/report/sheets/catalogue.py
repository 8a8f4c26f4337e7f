"""Models and data sets that can be fetched, and those that were."""

from __future__ import annotations

from detquant.report.sheets._base import Figures, Sheet
from detquant.report.sheets.numbers import megabytes


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


def _checksum(source: Figures) -> str:
    """Whether a file of the zoo can be checked."""
    return "known" if source["sha256"] else f"{source['sha256_start']}…" if source["sha256_start"] else "none"
