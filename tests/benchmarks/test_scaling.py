"""Clusters of several sizes do the same search, and the table says how long each took."""

from __future__ import annotations

import pytest


@pytest.mark.slow
def test_each_number_of_workers_has_its_row(capsys):
    pytest.importorskip("distributed", reason="needs Dask: pip install 'detquant[cluster]'")
    from scaling import scaling

    scaling("resnet-pico", "crops", workers=[1, 2], calib=4, images=1, rounds=1)
    told = capsys.readouterr().out
    assert "| 1 | " in told and "| 2 | " in told and "equal losses" in told
