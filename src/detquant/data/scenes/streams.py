"""The random numbers of a scene: one stream for each split, image and part of the work."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from detquant.errors import DatasetError, unknown_name

Split = Literal["train", "calibration", "validation"]
SPLITS: tuple[Split, ...] = get_args(Split)

# Geometry has a stream of its own, so that boxes are known without painting and no brush stroke moves them.
Part = Literal["layout", "paint"]
_PARTS: tuple[Part, ...] = get_args(Part)


PAINT = 2
"""Version of how scenes look, raised when it changes: what was measured on the old ones is not theirs."""


def stream(split: Split, index: int, part: Part, seed: int = 0) -> np.random.Generator:
    """The generator of one part of one image; no two of them share a state.

    Args:
        split: one of `SPLITS`.
        index: index of the image, from 0.
        part: part of the work.
        seed: seed of the whole data set, from 0.

    Raises:
        DatasetError: the split is unknown, or a number is negative.
    """
    if split not in SPLITS:
        raise DatasetError(unknown_name("split", split, SPLITS))
    if index < 0 or seed < 0:
        raise DatasetError(f"Scene {index} of seed {seed} does not exist: both are counted from 0.")
    key = (SPLITS.index(split), index, _PARTS.index(part))
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
