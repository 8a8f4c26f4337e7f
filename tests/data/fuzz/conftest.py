"""The strategies and bounds of the importers' fuzzers, for the files that data sets are made of."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "importers" / "fuzz"))  # mutations and bounds
sys.path.append(str(Path(__file__).parent))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data set of one training and two validation images of 40x80, with labels of two classes."""
    for split, names in {"train": "a", "val": "bc"}.items():
        for kind in ("images", "labels"):
            (tmp_path / kind / split).mkdir(parents=True)
        for name in names:
            cv2.imwrite(str(tmp_path / "images" / split / f"{name}.png"), np.zeros((40, 80, 3), np.uint8))
            (tmp_path / "labels" / split / f"{name}.txt").write_text("1 0.5 0.5 0.25 0.5\n0 0.1 0.1 0.2 0.2\n")
    (tmp_path / "annotations").mkdir()
    return tmp_path
