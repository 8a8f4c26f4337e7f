"""Whether hardware that was written computes what it should: its test bench in a simulator."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detquant.errors import NotReached
from detquant.pipeline.keywords import Keywords
from detquant.pipeline.options import VerifyOptions
from detquant.targets.verilog.proof.verify import verify as run

DIFFERS = "The hardware in '{folder}' does not compute what the integer model does: {verdict}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What the test bench found.

    Attributes:
        folder: of the hardware.
        simulator: that ran it.
        passed: whether each map, and each detection, is the integer model's, bit for bit.
        verdict: PASS, or FAIL with the first difference.
        cycles: clock cycles of the network for the image; None where it did not come to the end.
        use: of the array, per cent.
        head_cycles: clock cycles of the head behind it; None where there is none.
        detections: how many it has found; None likewise.
        said: all lines of the test bench.
    """

    folder: Path
    simulator: str
    passed: bool
    verdict: str
    cycles: int | None
    use: float | None
    head_cycles: int | None
    detections: int | None
    said: tuple[str, ...]

    def figures(self) -> dict[str, Any]:
        """The outcome as plain values."""
        return {
            "folder": str(self.folder),
            "simulator": self.simulator,
            "passed": self.passed,
            "verdict": self.verdict,
            "cycles": self.cycles,
            "use_percent": self.use,
            "head_cycles": self.head_cycles,
            "detections": self.detections,
            "said": list(self.said),
        }

    def require(self) -> None:
        """Refuses hardware that computes something else.

        Raises:
            NotReached: with the first difference.
        """
        if not self.passed:
            raise NotReached(DIFFERS.format(folder=self.folder, verdict=self.verdict))


@Keywords(VerifyOptions)
def verify(folder: str | os.PathLike[str], options: VerifyOptions) -> Verified:
    """Proves a folder of hardware: its files are those that were written, and its RTL gives the integer model's codes.

    Args:
        folder: as `quantize` writes it for the target verilog.
        options: see `VerifyOptions`.

    Raises:
        TargetError: it is no such folder, a file of it was changed, or the simulator is missing.

    Examples:
        >>> import detquant
        >>> try:
        ...     print(detquant.verify("hw").verdict)
        ... except detquant.DetquantError as error:
        ...     print(error)
        'hw' has no manifest.json that can be read: give the folder of a network that was exported.
    """
    where = Path(folder)
    found = run(where, options.simulator, options.stall, options.seed)
    return Verified(
        folder=where,
        simulator=options.simulator,
        passed=found.passed,
        verdict=found.verdict,
        cycles=found.cycles,
        use=found.use,
        head_cycles=found.head_cycles,
        detections=found.detections,
        said=found.said,
    )
