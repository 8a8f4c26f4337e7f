"""What layers cost alone, the widths that they were given, and what was tried on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from detquant.report.report import Report
from detquant.report.sheets._base import UNKNOWN, Figures, Sheet
from detquant.report.sheets.numbers import megabytes, milliseconds, plural
from detquant.report.untimed import untimed_at
from detquant.report.widths import Widths

SHOWN = 15
"""Rows that a terminal shows of a long table."""


def losses(figures: Figures, count: int | None = None) -> Sheet | None:
    """What each layer's weight costs alone, at each width, the costliest first."""
    title = f"Loss ({figures['measure']}, {plural(figures['images'], 'image')}) when one weight alone is rounded"
    columns = ("layer", "weights", "MACs")
    rows = [(one["name"], f"{one['weights']:,}", f"{one['macs']:,}", one["loss"]) for one in figures["layers"]]
    return _losses(title, columns, rows, count)


def tensor_losses(figures: Figures, count: int | None = None) -> Sheet | None:
    """What each grid of activations costs alone, at each width, the costliest first."""
    images = plural(figures["images"], "image")
    title = f"Loss ({figures['measure']}, {images}) when activations on one grid alone are rounded"
    return _losses(title, ("tensor",), [(one["name"], one["loss"]) for one in figures["tensors"]], count)


def _losses(title: str, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]], count: int | None) -> Sheet | None:
    if not rows:
        return None
    widths = sorted({int(bits) for *_, loss in rows for bits in loss})
    shown = sorted(rows, key=lambda row: max(row[-1].values(), default=0.0), reverse=True)
    told = [
        (*row[:-1], *(f"{row[-1][str(bits)]:.4f}" if str(bits) in row[-1] else UNKNOWN for bits in widths))
        for row in shown[:count]
    ]
    left = f"; {len(shown) - len(told)} more" if len(shown) > len(told) else ""
    return Sheet(f"{title}, by width in bits{left}", (*columns, *map(str, widths)), told)


def widths(found: Widths | None, count: int | None = None) -> Sheet | None:
    """The width of each layer, the costliest first; None where no search has chosen any."""
    if found is None:
        return None
    shown = sorted(found.given, key=lambda one: one.loss, reverse=True)
    rows = [
        (
            one.name,
            "weight" if one.is_weight else "activations",
            f"{one.bits} bits" if one.bits else "float",
            f"{one.loss:.4f}",
            f"{one.size_bytes:,.0f}" if one.is_weight else UNKNOWN,
        )
        for one in shown[:count]
    ]
    left = f"; {len(shown) - len(rows)} more" if len(shown) > len(rows) else ""
    title = f"Widths chosen for {found.why}{left}"
    return Sheet(title, ("layer", "", "width", f"{found.measure} alone", "bytes"), rows)


def tried(report: Report) -> Sheet | None:
    """What a search has measured, in the order in which it did; None where nothing was."""
    timed = untimed_at(report.target) is None
    rows = [
        (
            one.title,
            f"{one.drop:.2f}",
            megabytes(one.size_bytes),
            megabytes(one.zipped_bytes),
            f"{one.base_percent:.0f} %",
            f"{one.float_percent:.0f} %",
            *((milliseconds(one.latency_ms),) if timed else ()),
            "taken" if one.taken else "best" if one.best else "",
        )
        for one in report.tried
    ]
    columns = ("size", "zipped", "weights at base width", "in float", *(("latency",) if timed else ()))
    header = ("", f"drop of {report.measure_title}", *columns, "")
    return Sheet("Models that were measured", header, rows) if rows else None
