"""The program's name and help; the commands add themselves to it."""

from __future__ import annotations

from cyclopts import App

from detquant import __version__

app = App(
    name="detquant",
    help="Quantises object detectors to INT8 and proves that they still see.",
    version=__version__,
)
