"""Prune: channels removed from the float graph, and what is left solved anew by least squares."""

from __future__ import annotations

from detquant.algorithms.prune.step import Prune

__all__ = ["Prune"]
