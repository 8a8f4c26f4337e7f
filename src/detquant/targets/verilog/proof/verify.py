"""Proves an exported folder: checks its sums, builds its test bench, runs it."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from detquant.errors import TargetError, unknown_name
from detquant.targets.verilog.manifest import FORMAT
from detquant.targets.verilog.proof.simulators import SIMULATORS, Outcome
from detquant.untrusted.text import read_text
from detquant.untrusted.trees import parse_json

LARGEST_MANIFEST = 1 << 26


def verify(folder: Path, simulator: str = "verilator", stall: int = 0, seed: int = 1) -> Outcome:
    """Runs the test bench of an exported folder.

    Args:
        folder: the folder.
        simulator: a name in SIMULATORS.
        stall: per cent of cycles in which memory and streams make the engine wait.
        seed: of these.

    Returns:
        What the test bench said; `Outcome.passed` says whether every map is the integer model's.

    Raises:
        TargetError: the folder is not one that detquant wrote, a file was changed, or the simulator is missing.
    """
    if simulator not in SIMULATORS:
        raise TargetError(unknown_name("simulator", simulator, SIMULATORS))
    if not 0 <= stall <= 99:
        raise TargetError(f"The engine is to wait in {stall} per cent of cycles: expected 0 to 99.")
    sums = read_manifest(folder)["sha256"]
    require_unchanged(folder, sums)
    made = SIMULATORS[simulator]()
    sources = sorted(path for path in sums if path.endswith(".sv"))
    with tempfile.TemporaryDirectory() as build:
        built = made.build_once([folder / path for path in sources], Path(build))
        options = {"mem": folder / "mem", "vectors": folder / "tb/vectors", "stall": stall, "seed": seed}
        return made.run(built, options)


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a folder.

    Raises:
        TargetError: there is none, or it is none of this version.
    """
    path = folder / "manifest.json"
    try:
        found = parse_json(read_text(path, LARGEST_MANIFEST))
    except (OSError, ValueError) as error:
        raise TargetError(
            f"'{folder}' has no manifest.json that can be read: give the folder of a network that was exported."
        ) from error
    if not isinstance(found, dict) or found.get("format") != FORMAT or not isinstance(found.get("sha256"), dict):
        raise TargetError(f"'{path}' is of another version, not {FORMAT}: export the network again.")
    return found


def require_unchanged(folder: Path, sums: Mapping[str, str]) -> None:
    """Refuses a folder whose files are not those that were written.

    Raises:
        TargetError: a file is missing or another one; the first is named.
    """
    root = folder.resolve()
    for name, expected in sums.items():
        path = (root / name).resolve()
        if not path.is_relative_to(root):
            raise TargetError(f"'{folder / 'manifest.json'}' names '{name}', which is outside of the folder.")
        if not path.is_file():
            raise TargetError(f"'{path}' is missing: export the network again.")
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != expected:
            raise TargetError(
                f"'{path}' is not the file that was exported (sha256 {found[:12]}, not {str(expected)[:12]}): export "
                f"the network again, or run `make` in the folder to try what was changed."
            )
