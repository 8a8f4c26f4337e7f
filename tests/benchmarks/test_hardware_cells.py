"""The table of cells: what yosys prints is counted by kind, and what cannot be had is a sentence."""

from __future__ import annotations

import shutil

import pytest
from hardware_cells import HEADER, ROWS, Row, cells, require_array, synthesised

from detquant.errors import DetquantError

needs_yosys = pytest.mark.skipif(shutil.which("yosys") is None, reason="yosys is not installed")
SAID = """
   Number of cells:              26063
     $paramod$79a8c7065b4d11bef71104892f61c46cfe9019bb\\dq_engine      1
     CCU2C                        1550
     DP16KD                          8
     L6MUX21                      1579
     LUT4                        13234
     MULT18X18D                     37
     TRELLIS_DPR16X4               182
     TRELLIS_FF                   5847
"""


def test_cells_are_counted_by_kind_and_boxes_are_none():
    assert cells(SAID) == ("26,062", "13,234", "182", "1,550", "5,847", "37", "8")
    with pytest.raises(DetquantError, match="no number of cells"):
        cells("nothing")


def test_a_netlist_without_its_weights_or_multipliers_is_refused():
    assert Row.of("head/ecp5/4").memory == Row.of("head/ecp5/4").multipliers == 0
    require_array(SAID, Row.of("ecp5/4"))
    require_array("", Row.of("head/ecp5/4"))
    for said, left in {
        " RAMB18E1     4\n DSP48E1    21\n": "73,728 of 131,072 bits of memory and 21 of 16 multipliers are left",
        " RAMB36E1     4\n DSP48E1    15\n": "147,456 of 131,072 bits of memory and 15 of 16 multipliers are left",
    }.items():
        with pytest.raises(DetquantError, match=f"has removed weights or array: {left}"):
            require_array(said, Row.of("xilinx/4"))


def test_rows_have_names():
    assert Row.of("ice40/8") == Row.of("engine/ice40/8") != Row.of("head/ice40/8")
    assert all("/".join((row.part, row.family, str(row.size))) == name for name in ROWS for row in [Row.of(name)])
    assert Row.of("xilinx/16").engine.array.lanes == 8
    for name, said in {
        "stratix/4": "expected one of ecp5, ice40, xilinx",
        "tail/ecp5/4": "expected one of engine, head, wrapper",
        "ecp5": "A row is PART/FAMILY/SIZE or FAMILY/SIZE",
    }.items():
        with pytest.raises(DetquantError, match=said):
            Row.of(name)


def test_what_cannot_be_had_is_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DetquantError, match="apt-get install yosys"):
        synthesised(Row.of("ecp5/4"), 1, 100)


@needs_yosys
def test_limits_are_kept():
    with pytest.raises(DetquantError, match="has not ended after 1 s of processor time"):
        synthesised(Row.of("ecp5/4"), 1, 1000)
    with pytest.raises(DetquantError, match="wants more than 80 MB"):
        synthesised(Row.of("ecp5/4"), 60, 80)


@needs_yosys
@pytest.mark.slow
@pytest.mark.parametrize("name", ["engine/ecp5/4", "engine/xilinx/4", "head/ecp5/4", "wrapper/ecp5/4"])
def test_a_row_has_all_its_figures(name):
    row = synthesised(Row.of(name), 600, 4000)
    assert len(row) == len(HEADER) - 3 and all(int(one.replace(",", "")) > 0 for one in row[:2])
