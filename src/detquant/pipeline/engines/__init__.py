"""Engines that quantise, loaded when named."""

from __future__ import annotations

from detquant.errors import RecipeError, load_named
from detquant.pipeline.engines._base import Engine, Product

ENGINES = {
    "detquant": "detquant.pipeline.engines.own:quantize",
    "nncf": "detquant.pipeline.engines.nncf:quantize",
}


def load_engine(name: str) -> Engine:
    """The engine with this name.

    Raises:
        RecipeError: there is none.
    """
    engine: Engine = load_named("engine", name, ENGINES, RecipeError)
    return engine


__all__ = ["ENGINES", "Engine", "Product", "load_engine"]
