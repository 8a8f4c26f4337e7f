"""Files that come from anyone: what is read of them is bounded, whatever they are and whatever they say."""

from __future__ import annotations

from detquant.untrusted.files import FileRefused, check_file, in_units, is_file, read_bytes

__all__ = ["FileRefused", "check_file", "in_units", "is_file", "read_bytes"]
