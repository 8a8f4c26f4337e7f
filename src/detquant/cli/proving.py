"""The command that proves hardware."""

# ruff: noqa: B008 (options are frozen, so one default may serve all calls)

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from detquant.cli.app import app
from detquant.cli.options import Json, Together, check_json, write_figures
from detquant.pipeline.options import VerifyOptions


@app.command
def verify(
    folder: Path,
    /,
    *,
    options: Annotated[VerifyOptions, Together] = VerifyOptions(),
    json_file: Json = None,
) -> None:
    """Prove hardware that detquant has written: run its RTL in a simulator, and compare every map bit for bit.

    The exit code is 2 where anything differs, and the first difference is named.

    Args:
        folder: As detquant quantize --target verilog writes it.
        options: See `detquant.pipeline.options`.
        json_file: Write the figures to this file.
    """
    from detquant.pipeline.keywords import as_keywords
    from detquant.pipeline.verify import verify as run
    from detquant.report.progress import show_progress
    from detquant.report.table import show_proof

    check_json(json_file, folder)
    with show_progress() as progress:
        progress("simulating", 0, 1)
        found = run(folder, **as_keywords(options))
        progress("simulating", 1, 1)
    write_figures(json_file, found.figures(), folder)
    found.require()
    show_proof(found.figures())
