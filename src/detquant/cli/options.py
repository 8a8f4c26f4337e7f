"""What several commands take: numbers in their limits, and a file for the figures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

Count = Annotated[int, Parameter(validator=Number(gte=1))]
Seed = Annotated[int, Parameter(validator=Number(gte=0))]
Confidence = Annotated[float, Parameter(validator=Number(gte=0, lte=1))]
Json = Annotated[Path | None, Parameter(name="--json")]


def check_json(path: Path | None) -> None:
    """Fails before the work if the figures could not be written after it."""
    from detquant.report.files import require_writable_file

    if path:
        require_writable_file(path)


def write_figures(path: Path | None, figures: dict[str, object]) -> None:
    """Writes what a command found, if it is to be written."""
    from detquant.report.files import write_json

    if path:
        write_json(path, figures)
