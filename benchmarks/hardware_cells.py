"""Cells of the engine, as yosys counts them: small arrays, within a time and a memory that are given.

    python benchmarks/hardware_cells.py --families ecp5 ice40 xilinx --sizes 4 8

An array of n x n has n lanes of requantisation, weights of 8 bits, tables of 2^10 codes and the engine's usual widths
for all else. What does not end within the limits is a sentence in its row; nothing is extrapolated here.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from arguments import Count, Counts, Names
from cyclopts import App
from markdown_table import markdown, refusal

from detquant.errors import DetquantError, TargetError
from detquant.targets.verilog.rtl_files import fixed_files

HEADER = ("family", "array", "cells", "LUT", "FF", "DSP", "BRAM", "seconds")
TEXTS = 2
SYNTH: Mapping[str, str] = {"ecp5": "synth_ecp5", "ice40": "synth_ice40", "xilinx": "synth_xilinx -flatten"}
KINDS: Mapping[str, str] = {
    "LUT": r"LUT[1-6]|SB_LUT4",
    "FF": r"TRELLIS_FF|SB_DFF\w*|FD[RSCP]E?",
    "DSP": r"MULT\w+|SB_MAC16|DSP48E1",
    "BRAM": r"DP16KD|PDPW16KD|SB_RAM\w+|RAMB\w+",
}
TOP = "dq_engine"

app = App(name="hardware_cells", help="Prints the cells of the engine, as a Markdown table.")


def cells(said: str) -> tuple[str, ...]:
    """All cells, and those of each kind, from what `stat` prints."""
    total = re.search(r"Number of cells:\s+(\d+)", said)
    counts = [(name, int(count)) for name, count in re.findall(r"^ +([A-Z]\w+) +(\d+)$", said, re.MULTILINE)]
    if total is None:
        raise TargetError("yosys printed no number of cells.")
    return total[1], *(str(sum(n for name, n in counts if re.fullmatch(kind, name))) for kind in KINDS.values())


def synthesised(family: str, size: int, seconds: int, megabytes: int) -> tuple[str, ...]:
    """A row.

    Raises:
        TargetError: yosys is missing, refuses the engine, or does not end within the limits.
    """
    if family not in SYNTH:
        raise TargetError(f"There is no family '{family}': expected one of {', '.join(SYNTH)}.")
    if shutil.which("yosys") is None:
        raise TargetError("yosys is not installed: run  apt-get install yosys  (Debian, Ubuntu).")
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name.replace("/", "_")) for name in fixed_files("rtl")]
        for path, content in zip(paths, fixed_files("rtl").values(), strict=True):
            path.write_bytes(content)
        sizes = " ".join(f"-chparam {name} {size}" for name in ("ICP", "OCP", "LANES"))
        read = f"read_verilog -sv {' '.join(map(str, paths))}; hierarchy -top {TOP} {sizes}"
        command = (
            f'ulimit -v {megabytes * 1000}; exec yosys -q -p "{read}; {SYNTH[family]}; tee -o {folder}/cells stat"'
        )
        began = time.perf_counter()
        try:
            done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired as error:
            raise TargetError(f"it has not ended after {seconds} s; give it --seconds") from error
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["it was ended"])[-1]
            raise TargetError(f"it ends without a result within {megabytes} MB: {last}")
        return (*cells(Path(folder, "cells").read_text()), f"{time.perf_counter() - began:.0f}")


@app.default
def table(*, families: Names = None, sizes: Counts = None, seconds: Count = 1800, megabytes: Count = 8000) -> None:
    """Synthesise each, one after the other, and print the table.

    Args:
        families: of FPGAs; all unless given.
        sizes: of the array, powers of two; 4 and 8 unless given.
        seconds: that each may take.
        megabytes: of memory that each may take.
    """
    rows = []
    for family in families or SYNTH:
        for size in sizes or (4, 8):
            print(family, size, file=sys.stderr)
            first = (family, f"{size}x{size}")
            try:
                rows.append((*first, *synthesised(family, size, seconds, megabytes)))
            except DetquantError as error:
                rows.append(refusal(first, str(error), len(HEADER)))
    print(markdown(HEADER, rows, texts=TEXTS))
    said = (
        subprocess.run(["yosys", "-V"], capture_output=True, text=True, check=False) if shutil.which("yosys") else None
    )
    print(f"\n{said.stdout.strip() if said else 'yosys is not installed'}, {seconds} s and {megabytes} MB each.")


if __name__ == "__main__":
    app()
