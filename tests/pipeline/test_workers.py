from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from detquant.errors import MissingExtra, OptionError
from detquant.pipeline.workers import workers
from detquant.search import cluster
from detquant.search.processes import Processes


def test_who_does_the_work():
    with workers(None, 1, None) as found:
        assert found is None
    with workers(None, 3, None) as found:
        assert isinstance(found, Processes) and found.workers == 3
    with ThreadPoolExecutor(1) as mine:
        with workers(mine, None, None) as found:
            assert found is mine
        assert mine.submit(int, "7").result() == 7  # still running


@pytest.mark.parametrize("given", [(object(), 2, None), (None, 2, "tcp://x"), (object(), None, "tcp://x")])
def test_one_place_alone(given):
    with pytest.raises(OptionError, match="give one of them"), workers(*given):
        pass


def test_a_cluster_needs_its_extra(monkeypatch):
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"detquant\[cluster\]"), workers(None, None, "tcp://127.0.0.1:1"):
        pass
