"""Channels of a graph: which can only go together, what has to be cut where they go, and the graph without them."""

from __future__ import annotations

from detquant.graph.channels.layers import Layer
from detquant.graph.channels.removal import without_channels
from detquant.graph.channels.tracing import Channels, trace

__all__ = ["Channels", "Layer", "trace", "without_channels"]
