"""Quantisation-aware training of the whole network, from the file and unlabelled images alone."""

from __future__ import annotations

from detquant.algorithms.finetune.step import Finetune

__all__ = ["Finetune"]
