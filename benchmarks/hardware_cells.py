"""Cells of the engine, the head and the AXI wrapper, as yosys counts them, within a time and a memory that are given.

    python benchmarks/hardware_cells.py
    python benchmarks/hardware_cells.py --only ecp5/4 wrapper/xilinx/4 --seconds 600

A row is PART/FAMILY/SIZE; where no part is named it is the engine. Each part is counted by itself: what stands inside
of it and has rows of its own is a box. An array of n x n has n lanes of requantisation, 8 at most. What does not end
within the limits is a sentence in its row; nothing is extrapolated here.

Each family's script of yosys runs up to its mapped netlist: what would follow (`autoname`, which takes longer than all
before it) gives names to cells and changes none.
"""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from arguments import Count, Names
from cyclopts import App
from markdown_table import line, markdown, refusal

from detquant.errors import DetquantError, OptionError, TargetError
from detquant.targets.verilog.engine import Array, Engine
from detquant.targets.verilog.head import HeadSizes
from detquant.targets.verilog.rtl_files import fixed_files

HEADER = ("part", "family", "array", "cells", "LUT", "LUT RAM", "carry", "FF", "DSP", "BRAM", "CPU s", "MB")
TEXTS = 3
SYNTH: Mapping[str, str] = {
    "ecp5": "synth_ecp5 -run :check",
    "ice40": "synth_ice40 -run :check",
    "xilinx": "synth_xilinx -flatten -noiopad -nosrl -run :check",
}
"""Without shift registers in LUTs (`-nosrl`): Yosys 0.23 forgets the enable of those that have one, and the engine then
reads wrong pixels at borders (tests/targets/verilog/test_netlist.py)."""
KINDS: Mapping[str, str] = {
    "LUT": r"LUT[1-6]|SB_LUT4",
    "LUT RAM": r"TRELLIS_DPR16X4|RAM\d+\w+|SRL\w+",
    "carry": r"CCU2C|SB_CARRY|CARRY4",
    "FF": r"TRELLIS_FF|SB_DFF\w*|FD[RSCP]E?",
    "DSP": r"MULT\w+|SB_MAC16|DSP48E1",
    "BRAM": r"DP16KD|PDPW16KD|SB_RAM\w+|RAMB\w+",
}
BITS: Mapping[str, int] = {
    "DP16KD": 18432, "PDPW16KD": 18432, "SB_RAM40_4K": 4096, "RAMB18E1": 18432, "RAMB36E1": 36864,
}  # fmt: skip
"""Of a block RAM."""
PARTS: Mapping[str, tuple[str, str | None]] = {
    "engine": ("dq_engine", None),
    "head": ("dq_detector", "dq_engine"),
    "wrapper": ("dq_axi", "dq_detector"),
}
"""The module of a part, and the one in it that is a box."""
ROWS = (
    *("engine/ecp5/4", "engine/ecp5/8", "engine/ecp5/16"),
    *(f"engine/{family}/{size}" for family in ("ice40", "xilinx") for size in (4, 8)),
    *(f"{part}/{family}/4" for part in ("head", "wrapper") for family in SYNTH),
)
HEAD = HeadSizes(levels=3, bins=16, places=1024, kept=300, size=7, class_=7)
"""Room for YOLOv8's heads on images of up to 1,016 pixels: 1,024 candidates, 300 detections."""

app = App(name="hardware_cells", help="Prints the cells of the hardware's parts, as a Markdown table.")


@dataclass(frozen=True, slots=True)
class Row:
    """What is counted.

    Attributes:
        part: a name in PARTS.
        family: a name in SYNTH.
        size: rows and columns of the array, and its lanes where these are not above 8.
    """

    part: str
    family: str
    size: int

    @classmethod
    def of(cls, name: str) -> Row:
        """The row of a name.

        Raises:
            OptionError: there is no such part or family, or the name has another form.
        """
        found = re.fullmatch(r"(?:(\w+)/)?(\w+)/(\d+)", name)
        if found is None:
            raise OptionError(f"A row is PART/FAMILY/SIZE or FAMILY/SIZE, such as {ROWS[0]}: got '{name}'.")
        part, family, size = found.groups(default="engine")
        for one, known in ((part, PARTS), (family, SYNTH)):
            if one not in known:
                raise OptionError(f"'{name}' names '{one}': expected one of {', '.join(known)}.")
        return cls(part, family, int(size))

    @property
    def engine(self) -> Engine:
        """The hardware: widths as those of YOLOv8n at 640 pixels."""
        array = Array(icp=self.size, ocp=self.size, lanes=min(self.size, 8))
        return Engine(array=array, address=20, log_tiles=9, head=HEAD)

    @property
    def memory(self) -> int:
        """Bits of the engine's weights and tables, which block RAMs hold; 0 of other parts."""
        one, array = self.engine, self.engine.array
        weights = (1 << one.log_tiles) * array.icp * array.ocp * one.weight
        return weights + array.lanes * 2 * (1 << one.log_entries) * 8 if self.part == "engine" else 0

    @property
    def multipliers(self) -> int:
        """Least multipliers of the FPGA that the engine takes, those of its array; 0 of other parts and of ice40's."""
        return self.size**2 if self.part == "engine" and self.family != "ice40" else 0

    def script(self, folder: Path) -> str:
        """The commands of yosys; the sources lie in a folder."""
        top, box = PARTS[self.part]
        names = ["dq_config.sv", "dq_addresses.sv"]  # before those who use them
        names += sorted(path.name for path in folder.glob("*.sv") if path.name not in names)
        sizes = {
            name: size for name, size in self.engine.verilog_parameters().items() if name in self.known(folder, top)
        }
        return "; ".join(
            [
                f"read_verilog -defer -sv {' '.join(str(folder / name) for name in names)}",
                f"hierarchy -top {top} {' '.join(f'-chparam {name} {size}' for name, size in sizes.items())}",
                *([f"blackbox *{box}*"] if box else []),
                SYNTH[self.family],
                f"tee -o {folder}/cells stat",
            ]
        )

    @staticmethod
    def known(folder: Path, top: str) -> set[str]:
        """Parameters of a module."""
        return set(re.findall(r"parameter int (\w+)", (folder / f"{top}.sv").read_text(encoding="utf-8")))


def cells(said: str) -> tuple[str, ...]:
    """All cells, and those of each kind, from what `stat` prints; a box is none of them."""
    total = re.search(r"Number of cells:\s+(\d+)", said)
    counts = [(name, int(count)) for name, count in re.findall(r"^ +(\S+) +(\d+)$", said, re.MULTILINE)]
    if total is None:
        raise TargetError("yosys printed no number of cells.")
    boxes = sum(count for name, count in counts if re.search(r"\bdq_\w+$", name))
    kinds = (sum(n for name, n in counts if re.fullmatch(kind, name)) for kind in KINDS.values())
    return tuple(f"{number:,}" for number in (int(total[1]) - boxes, *kinds))


def require_array(said: str, row: Row) -> None:
    """Refuses a netlist that cannot hold what it must: yosys has removed what it takes for unread.

    Raises:
        TargetError: its block RAMs hold less than weights and tables, or its multipliers are fewer than the array's.
    """
    counts = [(name, int(count)) for name, count in re.findall(r"^ +(\S+) +(\d+)$", said, re.MULTILINE)]
    held = sum(BITS.get(name, 0) * count for name, count in counts)
    multipliers = sum(count for name, count in counts if re.fullmatch(KINDS["DSP"], name))
    if held < row.memory or multipliers < row.multipliers:
        raise TargetError(
            f"yosys has removed weights or array: {held:,} of {row.memory:,} bits of memory and "
            f"{multipliers} of {row.multipliers} multipliers are left"
        )


def synthesised(row: Row, seconds: int, megabytes: int) -> tuple[str, ...]:
    """The figures of a row.

    Raises:
        TargetError: yosys is missing, refuses the sources, or does not end within the limits.
    """
    if shutil.which("yosys") is None:
        raise TargetError("yosys is not installed: run  apt-get install yosys  (Debian, Ubuntu).")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, content in fixed_files("rtl").items():
            (folder / Path(path).name).write_bytes(content)
        (folder / "dq_config.sv").write_text(row.engine.package(), encoding="utf-8")
        limits = f"ulimit -v {megabytes * 1000}; ulimit -S -t {seconds}"
        command = f"{limits}; exec yosys -q -l {folder}/log -p {shlex.quote(row.script(folder))}"
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, cwd=folder)
        said = (folder / "log").read_text(encoding="utf-8", errors="replace") if (folder / "log").is_file() else ""
        if done.returncode:
            raise TargetError(why_none(done, seconds, megabytes))
        used = re.search(r"CPU: user ([\d.]+)s.* MEM: ([\d.]+) MB peak", said)
        if used is None:
            raise TargetError("yosys did not say what it took.")
        counted = (folder / "cells").read_text()
        require_array(counted, row)
        return *cells(counted), *(f"{float(one):.0f}" for one in used.groups())


def why_none(done: subprocess.CompletedProcess[str], seconds: int, megabytes: int) -> str:
    """Why there is no result: one of the limits, or what yosys complains of."""
    complaints = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    if done.returncode == -signal.SIGXCPU:
        return f"it has not ended after {seconds} s of processor time; give it --seconds"
    if "bad_alloc" in done.stderr or any("memory" in line for line in complaints):
        return f"it wants more than {megabytes} MB; give it --megabytes"
    return f"yosys ends without a result: {(complaints or [f'exit status {done.returncode}'])[-1]}"


@app.default
def table(*, only: Names = None, seconds: Count = 3600, megabytes: Count = 8000) -> None:
    """Synthesise each, one after the other, and print the table.

    Args:
        only: rows, as PART/FAMILY/SIZE or FAMILY/SIZE; all of the table unless given.
        seconds: of processor time that each may take.
        megabytes: of memory that each may take.
    """
    rows = []
    for row in [Row.of(name) for name in only or ROWS]:
        first = (row.part, row.family, f"{row.size}x{row.size}")
        try:
            rows.append((*first, *synthesised(row, seconds, megabytes)))
        except DetquantError as error:
            rows.append(refusal(first, str(error), len(HEADER)))
        print(line(rows[-1]), file=sys.stderr)
    print(markdown(HEADER, rows, texts=TEXTS))
    said = (
        subprocess.run(["yosys", "-V"], capture_output=True, text=True, check=False) if shutil.which("yosys") else None
    )
    version = said.stdout.strip() if said else "yosys is not installed"
    print(f"\n{version}; at most {seconds} s of processor time and {megabytes} MB each.")


if __name__ == "__main__":
    try:
        app()
    except DetquantError as error:
        sys.exit(f"hardware_cells: {error}")
