"""Simulators: how each builds the test bench, once an engine's configuration, and how a network is run in it."""

from __future__ import annotations

import hashlib
import platform
import re
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from detquant.errors import TargetError
from detquant.importers.checkpoint.export_cache import kept_or_made

BUILD_SECONDS, RUN_SECONDS = 900, 3600
TOP, PACKAGE = "dq_testbench", "_config.sv"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the test bench said.

    Attributes:
        passed: whether every map is the integer model's, and every detection.
        said: its lines.
        cycles: clock cycles of the network; None where it did not come to the end.
        use: of the array, per cent: multiplications of the network by what the array could have done.
        head_cycles: clock cycles of the head behind it; None where there is none.
        detections: how many it has found; None likewise.
        left_out: candidates for which it had no place; None likewise.
    """

    passed: bool
    said: tuple[str, ...]
    cycles: int | None
    use: float | None
    head_cycles: int | None = None
    detections: int | None = None
    left_out: int | None = None

    @property
    def verdict(self) -> str:
        """The line with PASS, or with the first difference."""
        found = [line for line in self.said if line.startswith(("PASS", "FAIL"))]
        return found[0] if found else (self.said[-1] if self.said else "the simulator said nothing")


class Simulator(ABC):
    """A simulator.

    Attributes:
        name: what it is called.
        program: its executable.
        package: Debian's package.
        kept: whether what it builds is one file that is worth keeping.
    """

    name: str
    program: str
    package: str
    kept = False

    def require(self) -> None:
        """Refuses to go on without it.

        Raises:
            TargetError: it is not installed.
        """
        if shutil.which(self.program) is None:
            raise TargetError(
                f"{self.name} is not installed ('{self.program}' is not on the path): run  apt-get install "
                f"{self.package}  (Debian, Ubuntu), or your system's command for it."
            )

    def build(self, sources: Sequence[Path], folder: Path) -> Path:
        """Builds the test bench; gives the program to run.

        Raises:
            TargetError: the simulator is missing, or does not take the sources.
        """
        self.require()
        folder.mkdir(parents=True, exist_ok=True)
        ordered = sorted(sources, key=lambda path: not path.name.endswith(PACKAGE))  # before those who use it
        command = self.build_command([str(path.resolve()) for path in ordered], folder)
        done = _run(command, BUILD_SECONDS)
        if done.returncode:
            said = (done.stderr + done.stdout).strip().splitlines()
            raise TargetError(f"{self.name} does not build the test bench: {' '.join(said[:3])}")
        return self.built(folder)

    def build_once(self, sources: Sequence[Path], folder: Path) -> Path:
        """The same, but what was built of equal sources before is taken from the user's cache folder.

        Raises:
            TargetError: as `build`.
        """
        if not self.kept:
            return self.build(sources, folder)
        self.require()
        version = _run([self.program, "--version"], BUILD_SECONDS).stdout
        command = self.build_command([path.name for path in sources], Path("build"))
        contents = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sources]
        machine = [platform.machine(), platform.libc_ver()]
        made = kept_or_made(
            "simulators/{key}", [version, command, contents, machine], lambda: self.build(sources, folder).read_bytes()
        )
        program = self.built(folder)
        if not program.exists():
            folder.mkdir(parents=True, exist_ok=True)
            program.write_bytes(made)
            program.chmod(0o700)
        return program

    def run(self, built: Path, options: Mapping[str, object]) -> Outcome:
        """Runs the test bench with plusargs.

        Raises:
            TargetError: it does not end in time.
        """
        done = _run([*self.run_command(built), *(f"+{key}={value}" for key, value in options.items())], RUN_SECONDS)
        said = tuple(line for line in done.stdout.splitlines() if line.strip())
        found = next((hit for hit in map(_TOTALS.match, said) if hit), None)
        head = next((hit for hit in map(_HEAD.match, said) if hit), None)
        return Outcome(
            passed=any(line.strip() == "PASS" for line in said) and not any(line.startswith("FAIL") for line in said),
            said=said or tuple(done.stderr.splitlines()),
            cycles=int(found[1]) if found else None,
            use=float(found[2]) if found else None,
            head_cycles=int(head[1]) if head else None,
            detections=int(head[2]) if head else None,
            left_out=int(head[3]) if head else None,
        )

    @abstractmethod
    def build_command(self, sources: Sequence[str], folder: Path) -> list[str]:
        """The command that builds."""

    @abstractmethod
    def built(self, folder: Path) -> Path:
        """What it has built."""

    @abstractmethod
    def run_command(self, built: Path) -> list[str]:
        """The command that runs it."""


class Verilator(Simulator):
    """Compiles to C++: 10 to 20 seconds to build, a million cycles a second or so to run."""

    name, program, package = "Verilator", "verilator", "verilator g++ make"
    kept = True

    def build_command(self, sources: Sequence[str], folder: Path) -> list[str]:
        """``--binary``: the test bench with its clock, in one program."""
        options = ["--binary", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--top-module", TOP]
        return [self.program, *options, "-MAKEFLAGS", "OPT_FAST=-O2", "--Mdir", str(folder), *sources]

    def built(self, folder: Path) -> Path:
        """The program."""
        return folder / f"V{TOP}"

    def run_command(self, built: Path) -> list[str]:
        """It runs by itself."""
        return [str(built)]


class Icarus(Simulator):
    """Interprets: built in a second, some thousand cycles a second, so for small networks."""

    name, program, package = "Icarus Verilog", "iverilog", "iverilog"

    def build_command(self, sources: Sequence[str], folder: Path) -> list[str]:
        """SystemVerilog of 2012."""
        return [self.program, "-g2012", "-s", TOP, "-o", str(self.built(folder)), *sources]

    def built(self, folder: Path) -> Path:
        """The program for vvp."""
        return folder / f"{TOP}.vvp"

    def run_command(self, built: Path) -> list[str]:
        """Run by vvp, which ends where it would ask."""
        return ["vvp", "-n", str(built)]


SIMULATORS: Mapping[str, type[Simulator]] = {"verilator": Verilator, "icarus": Icarus}
_TOTALS = re.compile(r"\d+ instructions, (\d+) cycles, ([\d.]+) % of the array used")
_HEAD = re.compile(r"head: (\d+) cycles, (\d+) detections, (\d+) candidates left out")


def _run(command: Sequence[str], seconds: int) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise TargetError(f"'{command[0]}' has not ended after {seconds} seconds.") from error
