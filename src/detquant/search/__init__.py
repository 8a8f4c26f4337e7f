"""Searches for widths: what each layer costs alone, and what is best within a budget; on any executor."""

from __future__ import annotations

from detquant.search._base import Layer, Sensitivity, Tensor
from detquant.search.assignment import Assignment, assign, recipe_of
from detquant.search.budget import Budget, parse_budget
from detquant.search.sensitivity import sensitivity

__all__ = [
    "Assignment",
    "Budget",
    "Layer",
    "Sensitivity",
    "Tensor",
    "assign",
    "parse_budget",
    "recipe_of",
    "sensitivity",
]
