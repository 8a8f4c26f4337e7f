"""The tables: nothing in them that a user could trip over."""

from __future__ import annotations

import re

import pytest

from detquant.errors import FetchError
from detquant.zoo import ENTRIES, find
from detquant.zoo.data_sets import DATA_SETS
from detquant.zoo.models import MODELS

SOURCES = [source for entry in ENTRIES.values() for source in entry.sources]


def test_names_are_unique_and_plain():
    assert len(ENTRIES) == len(MODELS) + len(DATA_SETS)
    assert all(re.fullmatch(r"[a-z0-9.-]+", name) for name in ENTRIES)


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_an_entry_is_sound(entry):
    assert entry.licence and entry.page.startswith("https://")
    assert not entry.note or entry.note.endswith(".")
    assert entry.accuracy is None or 0 < entry.accuracy.value < 100
    assert len(entry.sources) == 1 or not any(source.is_archive for source in entry.sources)
    assert entry.kind != "data set" or entry.accuracy is None


@pytest.mark.parametrize("source", SOURCES, ids=[source.file for source in SOURCES])
def test_a_source_is_sound(source):
    assert source.address.startswith("https://") and source.file
    assert re.fullmatch(r"|[0-9a-f]{64}", source.sha256 or "")
    assert re.fullmatch(r"|[0-9a-f]{8}", source.sha256_start or "")
    assert not source.sha256 or source.sha256.startswith(source.sha256_start or "")
    assert (source.sha256_start or "") in source.file
    assert source.megabytes is None or source.megabytes > 0


def test_no_checksum_or_address_is_there_twice():
    addresses = [source.address for source in SOURCES]
    checksums = [source.sha256 for source in SOURCES if source.sha256]
    assert len(set(addresses)) == len(addresses) and len(set(checksums)) == len(checksums)


def test_an_unknown_name():
    assert find("yolov8n").name == "yolov8n"
    with pytest.raises(FetchError, match=r"Unknown model or data set 'yolox-nanno': did you mean 'yolox-nano'\?"):
        find("yolox-nanno")
