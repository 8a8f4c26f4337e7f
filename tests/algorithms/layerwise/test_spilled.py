from __future__ import annotations

import errno

import numpy as np
import pytest

from detquant.algorithms.layerwise.spilled import Spilled
from detquant.errors import OutputError


@pytest.mark.parametrize(
    ("shape", "dtype"), [((2, 3), np.float32), ((4,), np.uint8), ((), np.int16), ((0, 3), np.int8)]
)
def test_what_is_put_is_there(shape, dtype):
    rng = np.random.default_rng(0)
    arrays = [np.asarray(rng.integers(0, 100, shape), dtype) for _ in range(5)]
    kept = Spilled(shape, dtype)
    for image, array in enumerate(arrays):
        kept.put(image, array)
    for image in (3, 0, 4, 1, 2):
        np.testing.assert_array_equal(kept.at(image), arrays[image])
    kept.close()


def test_a_full_disk_is_said_in_a_sentence(monkeypatch):
    kept = Spilled((3,), np.float32)
    kept.close()

    class Full:
        def seek(self, place):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(kept, "_file", Full())
    with pytest.raises(OutputError, match=r"No space left on device\. Set TMPDIR to a folder with more room"):
        kept.put(0, np.zeros(3))
