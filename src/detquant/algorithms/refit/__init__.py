"""Refit: weights solved anew by least squares and rounded with compensation, layer after layer, without a gradient."""

from __future__ import annotations

from detquant.algorithms.refit.step import Refit

__all__ = ["Refit"]
