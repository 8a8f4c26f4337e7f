"""The command that shows what was found before."""

from __future__ import annotations

from pathlib import Path

from detquant.cli.app import app


@app.command
def report(runs: list[Path], /, *, out: Path = Path("report.html")) -> None:
    """Make the page of runs that were saved, side by side where there are several; it opens in a browser, offline.

    Args:
        runs: Folders that detquant quantize, demo or workflow has written, or files of --json.
        out: The page.
    """
    from detquant.pipeline.saved_runs import figures_file, report_page
    from detquant.report.html.writing import require_writable_page, write_page

    read = [figures_file(run) for run in runs]
    require_writable_page(out, read)
    write_page(out, report_page(runs), read)
    print(f"Written to {out}: open it in a browser.")
