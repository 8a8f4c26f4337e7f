"""Cluster: the codes of a layer's weight are drawn from a few, which its outputs decide."""

from __future__ import annotations

from detquant.algorithms.cluster.step import Cluster

__all__ = ["Cluster"]
