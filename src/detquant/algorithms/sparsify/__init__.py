"""Sparsify: single weights made 0 where outputs miss them least, and a mask that keeps them so."""

from __future__ import annotations

from detquant.algorithms.sparsify.step import Sparsify

__all__ = ["Sparsify"]
