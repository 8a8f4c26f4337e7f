"""What a long step tells of itself while it runs."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Takes what is done, how much of it has been, and of how much."""
