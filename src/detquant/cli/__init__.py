"""The command line: each command is a plain function that calls the pipeline and shows what comes back.

What a command needs is imported inside it, so `detquant --help` is quick.
"""

from __future__ import annotations

# they add their commands to the app
from detquant.cli import (  # noqa: F401
    examining,
    fetching,
    measuring,
    places,
    proving,
    quantising,
    reporting,
    searching,
)
from detquant.cli.app import app
from detquant.cli.program import main

__all__ = ["app", "main"]
