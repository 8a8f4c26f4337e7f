"""An integer graph as a program of the engine: one file for each kind of instruction."""

from __future__ import annotations

from detquant.targets.verilog.lowering.lower import lower

__all__ = ["lower"]
