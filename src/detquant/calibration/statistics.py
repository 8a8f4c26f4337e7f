"""Calibration statistics: a few numbers for each tensor are kept, nothing of the images themselves."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from detquant.data import fingerprint
from detquant.numerics.arrays import Array, Floats, Ints

BINS = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Statistics of some tensors over images; changed ones are made with `dataclasses.replace`.

    Attributes:
        extremes: tensor -> float32 ``[images, 2]``, smallest and largest value in each image.
        channel_sums: tensor -> float64 ``[channels]``, sum over the images of each channel's mean.
        channel_peaks: tensor -> float32 ``[channels]``, largest value of each channel in any image.
        histograms: tensor -> int64 ``[BINS]`` over ``[min, max]`` of all images, where an observer needs it.
        informativeness: float ``[images]``, see `detquant.calibration.informativeness`; empty where not asked for.
        images: images seen by the pass over extremes.
        histogram_images: images seen by the pass over histograms.
    """

    extremes: Mapping[str, Sequence[tuple[float, float]]]
    channel_sums: Mapping[str, npt.NDArray[np.float64]]
    channel_peaks: Mapping[str, Floats]
    histograms: Mapping[str, Ints]
    informativeness: Sequence[float] = ()
    images: int = 0
    histogram_images: int = 0

    @classmethod
    def empty(cls) -> Statistics:
        """The statistics before the first image."""
        return cls(extremes={}, channel_sums={}, channel_peaks={}, histograms={})

    def channel_means(self) -> dict[str, Floats]:
        """Mean of each channel over images and positions."""
        count = max(self.images, 1)
        return {name: np.asarray(total / count, np.float32) for name, total in self.channel_sums.items()}

    def bounds(self, tensor: str) -> tuple[float, float]:
        """Smallest and largest value over all images."""
        table = np.asarray(self.extremes[tensor])
        return float(table[:, 0].min()), float(table[:, 1].max())

    def save(self, path: Path) -> None:
        """Writes an ``.npz``; never leaves a partial file under its final name."""
        arrays: dict[str, Array] = {"counts": np.array([self.images, self.histogram_images], np.int64)}
        arrays["informativeness"] = np.asarray(self.informativeness, np.float64)
        for kind, table in _TABLES.items():
            arrays |= {f"{kind}:{name}": np.asarray(value) for name, value in getattr(self, table).items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        with partial.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> Statistics | None:
        """The statistics that `save` has written; None where the file is missing or unusable."""
        tables: dict[str, dict[str, Any]] = {letter: {} for letter in _TABLES}
        try:
            with path.open("rb") as file, np.lib.npyio.NpzFile(file, allow_pickle=False) as arrays:
                images, histogram_images = (int(n) for n in arrays["counts"])
                informativeness = tuple(arrays["informativeness"].tolist())
                for key in set(arrays.files) - {"counts", "informativeness"}:
                    value = arrays[key]
                    tables[key[0]][key[2:]] = tuple(map(tuple, value.tolist())) if key[0] == "e" else value
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            return None
        named = {table: tables[letter] for letter, table in _TABLES.items()}
        return cls(**named, informativeness=informativeness, images=images, histogram_images=histogram_images)


_TABLES = {"e": "extremes", "c": "channel_sums", "p": "channel_peaks", "h": "histograms"}
"""Each table under the letter that it has in the file."""


def statistics_key(model_sha256: str, images: Iterable[Path], settings: Mapping[str, object]) -> str:
    """A name for the statistics of this model, these images and these settings: equal inputs, equal name."""
    total = hashlib.sha256(model_sha256.encode())
    for path in images:
        total.update(f"{fingerprint(path)}\n".encode("utf-8", "surrogateescape"))  # names need not be UTF-8
    total.update(json.dumps(settings, sort_keys=True).encode())
    return total.hexdigest()[:24]
