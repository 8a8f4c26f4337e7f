"""The table of cells: what yosys prints is counted by kind, and what cannot be had is a sentence."""

from __future__ import annotations

import pytest
from hardware_cells import cells, synthesised

from detquant.errors import TargetError

SAID = """
   Number of cells:              26062
     CCU2C                        1550
     DP16KD                          8
     LUT4                        13234
     MULT18X18D                     37
     TRELLIS_FF                   5847
"""


def test_cells_are_counted_by_kind():
    assert cells(SAID) == ("26062", "13234", "5847", "37", "8")
    with pytest.raises(TargetError, match="no number of cells"):
        cells("nothing")


def test_what_cannot_be_had_is_a_sentence(monkeypatch, tmp_path):
    with pytest.raises(TargetError, match="expected one of ecp5, ice40, xilinx"):
        synthesised("stratix", 4, 1, 100)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TargetError, match="apt-get install yosys"):
        synthesised("ecp5", 4, 1, 100)
