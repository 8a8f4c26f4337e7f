"""The integer operators: what each holds, and how NumPy runs it, exactly.

Codes are whole numbers of any type; every operator gives int32. Each is written so that it can be read aloud by
whoever builds the same thing from gates: no float takes part in a result, except where sums of whole numbers are shown
to be exact in floats (see `detquant.integer.accumulation`).
"""

from __future__ import annotations

from detquant.integer.operators._base import CodeArray, IntegerOperator
from detquant.integer.operators.arithmetic import Blend, Mean, Product, Sum
from detquant.integer.operators.layers import Convolution, Layer, Matrix
from detquant.integer.operators.moving import Concat, MaxPool, Move
from detquant.integer.operators.table import Table

__all__ = [
    "Blend",
    "CodeArray",
    "Concat",
    "Convolution",
    "IntegerOperator",
    "Layer",
    "Matrix",
    "MaxPool",
    "Mean",
    "Move",
    "Product",
    "Sum",
    "Table",
]
