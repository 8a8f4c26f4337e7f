"""What stands behind a network of YOLOv8's kind, in whole numbers alone: distances, boxes, scores, suppression.

Arithmetic "dq-int-1", second part. Every file here is one unit that can be built from gates, and says its arithmetic
bit by bit; `IntegerHead` is their composition. No float takes part in a result: floats only fill tables beforehand.
"""

from __future__ import annotations

from detquant.integer.head.candidates import Candidates
from detquant.integer.head.head import Found, IntegerHead
from detquant.integer.head.layout import Layout, Level, find_layout
from detquant.integer.head.options import HeadOptions

__all__ = ["Candidates", "Found", "HeadOptions", "IntegerHead", "Layout", "Level", "find_layout"]
