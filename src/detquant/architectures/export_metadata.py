"""What a file tells of the detector in it, as Ultralytics writes it."""

from __future__ import annotations


def detector_metadata(names: tuple[str, ...], side: int) -> dict[str, str]:
    """The metadata that Ultralytics writes into the file of a detector, values as Python literals.

    Args:
        names: names of the classes, by class_id.
        side: side of the square input, pixels.
    """
    entries = {"stride": 32, "task": "detect", "batch": 1, "imgsz": [side, side], "names": dict(enumerate(names))}
    return {key: str(value) for key, value in entries.items()}
