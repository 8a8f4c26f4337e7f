"""The two files of a Darknet net, when one of them is named."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from detquant.errors import ModelError

_OTHER = {".cfg": ".weights", ".weights": ".cfg"}


@dataclass(frozen=True, slots=True)
class Pair:
    """The two files of a Darknet detector.

    Attributes:
        cfg: the file that tells the layers.
        weights: the file with their numbers.
    """

    cfg: Path
    weights: Path


def find_pair(path: Path) -> Pair:
    """Finds the file that belongs to the one that was named.

    1. The file of the same stem in the same folder.
    2. Else the only file of the other kind there: `yolov4.cfg` beside `yolov4_best.weights`.

    Raises:
        ModelError: there is none, or several of which none has the stem.
    """
    suffix = _OTHER[path.suffix.lower()]
    candidates = _files(path.parent, suffix)
    same = [file for file in candidates if file.stem == path.stem]  # case 1
    found = same or candidates
    if len(found) != 1:
        expected = path.with_suffix(suffix)
        there = f"found {', '.join(file.name for file in found[:5])}" if found else f"found no {suffix} file"
        raise ModelError(
            f"'{path}' is one half of a Darknet net, and its other half is missing: {there}, expected "
            f"'{expected.name}' in the same folder; put it there or rename it."
        )
    other = found[0]
    return Pair(path, other) if suffix == ".weights" else Pair(other, path)


def _files(folder: Path, suffix: str) -> list[Path]:
    try:
        return sorted(file for file in folder.iterdir() if file.suffix.lower() == suffix and file.is_file())
    except OSError as error:
        raise ModelError(f"The folder '{folder}' cannot be read: {error.strerror}.") from error
