"""What stands behind a network of YOLOv8's kind, in whole numbers alone: distances, boxes, scores, suppression.

Arithmetic "dq-int-1", second part. Every file here is one unit that can be built from gates, and says its arithmetic
bit by bit; `IntegerHead` is their composition. No float takes part in a result: floats only fill tables beforehand.

What hardware needs of it, for L levels of N cells in all, C classes, B bins, codes of the logits of b bits:

    unit            reads                                 holds                         gives
    candidates      N C codes, each once, in any order    K places of code, cell, class the first K of a total order
    distances       4 B codes of 8 bits a candidate       L tables of 256 x 16          4 numbers of 8 + log2(B) bits
    corners         these, column, row, stride            nothing                       4 numbers of 16 bits, Q12.4
    suppression     boxes and classes in order            K boxes of 4 x 16             at most `limit` of these
    scores          codes of what is left                 a table of 257 x 16           scores of 16 fraction bits

A threshold on codes (b bits) and one on overlaps (9 bits) are its only other numbers. Who computes the boxes of all
cells beforehand, or of candidates as they come, gives the same.
"""

from __future__ import annotations

from detquant.integer.head.candidates import Candidates
from detquant.integer.head.head import Found, IntegerHead
from detquant.integer.head.layout import Layout, Level, find_layout
from detquant.integer.head.options import HeadOptions

__all__ = ["Candidates", "Found", "HeadOptions", "IntegerHead", "Layout", "Level", "find_layout"]
