"""Files that come from anyone: what is read of them is bounded, whatever they are and whatever they say."""

from __future__ import annotations

from detquant.untrusted.files import FileRefused, check_file, in_units, is_file, read_bytes, read_start
from detquant.untrusted.memory import bounded_memory
from detquant.untrusted.shown import one_line, printable, shown
from detquant.untrusted.text import decode, read_text
from detquant.untrusted.trees import parse_json, parse_yaml

__all__ = [
    "FileRefused",
    "bounded_memory",
    "check_file",
    "decode",
    "in_units",
    "is_file",
    "one_line",
    "parse_json",
    "parse_yaml",
    "printable",
    "read_bytes",
    "read_start",
    "read_text",
    "shown",
]
