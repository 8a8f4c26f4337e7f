"""LAPQ: steps of weights and activations by the loss of the whole network, in three stages."""

from __future__ import annotations

from detquant.algorithms.lapq.step import Lapq

__all__ = ["Lapq"]
