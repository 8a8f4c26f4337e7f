"""The RTL and the test bench: fixed files of the package, the same for every network."""

from __future__ import annotations

from importlib.resources import files

PACKAGE = "detquant.targets.verilog"


def fixed_files(folder: str) -> dict[str, bytes]:
    """The package's files of a folder, ``rtl`` or ``tb``, by path."""
    found = (one for one in files(PACKAGE).joinpath(folder).iterdir() if one.name.endswith((".sv", ".mk")))
    return {f"{folder}/{one.name}": one.read_bytes() for one in sorted(found, key=lambda one: one.name)}
