"""The last line of defence: what nobody foresaw becomes one sentence, and a file for whoever mends it.

The file is written into the folder for temporary files, never among results. Where DETQUANT_DEBUG is set the traceback
is shown as Python shows it; so the tests run, which must not take a fault for an answer.
"""

from __future__ import annotations

import os
import platform
import shlex
import sys
import tempfile
import traceback
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from detquant import __version__
from detquant.errors import in_short

DEBUG = "DETQUANT_DEBUG"
PACKAGES = ("numpy", "onnx", "onnx-ir", "onnxruntime", "opencv-python-headless", "openvino", "torch", "ai-edge-litert")
WHAT = {
    MemoryError: "There is not enough memory for this: give fewer or smaller images, or a machine that has more",
    RecursionError: "Something in these files is nested too deeply to be read",
}
"""Sentences on errors that need not be a fault of detquant's."""


def is_shown() -> bool:
    """Whether the user wants Python's own traceback."""
    return bool(os.environ.get(DEBUG))


def explain(error: Exception, arguments: Sequence[str]) -> str:
    """Writes a report of an error that nobody foresaw.

    Args:
        error: the exception that was caught.
        arguments: arguments of the command.

    Returns:
        A sentence for the user, which names the file.
    """
    known = next((what for kind, what in WHAT.items() if isinstance(error, kind)), "")
    said = known or f"This is a fault of detquant: {in_short(error)}"
    try:
        handle, path = tempfile.mkstemp(prefix="detquant-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(report(error, arguments))
    except (OSError, MemoryError):
        return f"{said}. A report of it could not be written; set {DEBUG}=1 to see it."
    return f"{said}. The details are in '{path}': please send them to the authors of detquant."


def report(error: Exception, arguments: Sequence[str]) -> str:
    """What somebody needs to find the fault: the command, the versions, the traceback."""
    lines = [
        f"detquant {__version__}, Python {platform.python_version()}, {platform.platform()}",
        *(f"{name} {found}" for name in PACKAGES if (found := _version(name))),
        f"command: {shlex.join(['detquant', *arguments])}",
        f"folder: {_folder()}",
        f"encodings: {sys.getfilesystemencoding()}, {getattr(sys.stdout, 'encoding', None)}",
        "",
        *traceback.format_exception(error),
    ]
    return "\n".join(line.rstrip("\n") for line in lines) + "\n"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _folder() -> str:
    try:
        return os.getcwd()
    except OSError:
        return "(it was removed)"
