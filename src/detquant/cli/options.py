"""What several commands take besides the options of the pipeline: a file for the figures."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

Json = Annotated[Path | None, Parameter(name="--json")]
Together = Parameter(name="*")
"""Mark of a dataclass whose fields are options of the command itself."""


def check_json(path: Path | None, *inputs: str | os.PathLike[str] | None) -> None:
    """Fails before the work if the figures could not be written after it, or would take the place of anything else.

    Args:
        path: path of the figures, or None.
        inputs: what the command reads; names of what is no file may be among them.
    """
    from detquant.report.files import require_writable_file

    if path:
        require_writable_file(path, filter(None, inputs))


def check_out(folder: Path, names: Collection[str], path: Path | None, *inputs: str | os.PathLike[str] | None) -> None:
    """Fails before the work if a folder of results, or the figures beside it, could not be written after it.

    Args:
        folder: folder of the results.
        names: names of the results that are known beforehand.
        path: path of the figures, or None.
        inputs: what the command reads.
    """
    from detquant.errors import OutputError
    from detquant.report.files import require_place

    require_place(folder, names, filter(None, inputs))
    check_json(path, *inputs)
    if path and path.resolve() in {(folder / name).resolve() for name in names}:
        raise OutputError(f"'{path}' is the place of a result of this command: name another file for the figures.")


def write_figures(path: Path | None, figures: Mapping[str, object], *inputs: str | os.PathLike[str] | None) -> None:
    """Writes what a command found, if it is to be written."""
    from detquant.report.files import write_json

    if path:
        write_json(path, figures, filter(None, inputs))
