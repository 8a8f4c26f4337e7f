from __future__ import annotations

import numpy as np
import pytest

from detquant.untrusted import bounded_memory
from detquant.untrusted.memory import _STATM

resource = pytest.importorskip("resource", reason="this system bounds no memory")
pytestmark = pytest.mark.skipif(not _STATM.exists(), reason="this system does not say how much memory is taken")


def test_more_is_refused_and_the_bound_ends() -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    with bounded_memory(1 << 30):
        assert np.zeros(1 << 20, np.uint8).size == 1 << 20
        with pytest.raises(MemoryError):
            np.zeros(1 << 31, np.uint8)
    assert resource.getrlimit(resource.RLIMIT_AS) == before
    assert np.zeros(1 << 31, np.uint8).size == 1 << 31


def test_the_bound_ends_with_an_error_too() -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(KeyError), bounded_memory(1 << 30):
        raise KeyError
    assert resource.getrlimit(resource.RLIMIT_AS) == before
