"""The models and data sets of the field: where their publishers keep them, and how they are fetched."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from detquant.errors import FetchError, unknown_name
from detquant.zoo._base import Accuracy, Entry, Source
from detquant.zoo.data_sets import DATA_SETS
from detquant.zoo.download import Downloaded, download
from detquant.zoo.fetch import Fetched, fetch
from detquant.zoo.models import MODELS
from detquant.zoo.unpack import unpack

__all__ = [
    "ENTRIES",
    "Accuracy",
    "Downloaded",
    "Entry",
    "Fetched",
    "Source",
    "download",
    "fetch",
    "fetch_figures",
    "find",
    "unpack",
    "zoo_figures",
]

ENTRIES: dict[str, Entry] = {entry.name: entry for entry in (*MODELS, *DATA_SETS)}
"""Entries of the zoo by the name that `detquant fetch` takes."""


def find(name: str) -> Entry:
    """The entry of a name.

    Args:
        name: a key of `ENTRIES`.

    Raises:
        FetchError: there is none of that name.
    """
    if name not in ENTRIES:
        raise FetchError(unknown_name("model or data set", name, ENTRIES))
    return ENTRIES[name]


def zoo_figures() -> dict[str, Any]:
    """All entries of the zoo as plain values."""
    return {"entries": [asdict(entry) for entry in ENTRIES.values()]}


def fetch_figures(fetched: Fetched) -> dict[str, Any]:
    """The fetched files as plain values."""
    entry = fetched.entry
    about = {"name": entry.name, "licence": entry.licence, "page": entry.page, "note": entry.note}
    return {**about, "path": str(fetched.path), "files": [asdict(one) for one in fetched.files]}
