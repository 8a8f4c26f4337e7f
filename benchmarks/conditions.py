"""What stands around the figures of a table: by what models are measured, and on what."""

from __future__ import annotations

from collections.abc import Sequence

from detquant.pipeline.processor import processor_name

BY = {"classify": "top-1"}
"""The measure of a task where it is not AP."""


def with_measure(header: Sequence[str], task: str) -> list[str]:
    """The header with the name of the task's measure in the place of ``{measure}``."""
    return [one.format(measure=BY.get(task, "AP")) for one in header]


def conditions(calib: int, *said: str) -> str:
    """The line below a table, after an empty one.

    Args:
        calib: number of calibration images.
        said: what else there is to say, a few words each.
    """
    return f"\n{', '.join([f'{calib} calibration images', *said, processor_name()])}."


def how_timed(limit: int | None, runs: int) -> tuple[str, str]:
    """On which images files were measured, and how they were timed, for `conditions`.

    Args:
        limit: number of validation images, or None for all.
        runs: how often each file was run.
    """
    return f"{limit or 'all'} validation images", f"{runs} runs of one thread by turns"
