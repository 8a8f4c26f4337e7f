"""What quantises, loaded when named."""

from __future__ import annotations

import pkgutil

from detquant.errors import RecipeError, unknown_name
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
    if name not in ENGINES:
        raise RecipeError(unknown_name("engine", name, ENGINES))
    engine: Engine = pkgutil.resolve_name(ENGINES[name])
    return engine


__all__ = ["ENGINES", "Engine", "Product", "load_engine"]
