"""What TFLite files say about themselves: in a ZIP archive that is appended to many of them, and in their own entries.

1. Ultralytics' `metadata.json`, or a Python literal in `temp_meta.txt` in older ones: names, imgsz, stride, task.
2. A list of labels, one a line, as TensorFlow's Task Library keeps it: `labelmap.txt` or `labels.txt`; "???" stands
   for the background and for COCO's holes, and is no name.
3. What detquant writes, as an entry "detquant" of the file itself: the metadata of the model that it was made from, and
   which of its inputs and outputs lie with their channels last.

It is read within bounds; what makes no sense is left out.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

from detquant.families.class_names import read_literal
from detquant.importers._base import LARGEST as LARGEST_FILE
from detquant.importers.openvino.metadata import LARGEST, as_texts
from detquant.importers.tflite.flatbuffer import DAMAGE, metadata_entry
from detquant.untrusted import parse_json, read_bytes
from detquant.zoo.archives import check_directory

_MOST_ENTRIES = 100
_ULTRALYTICS = ("metadata.json", "temp_meta.txt")
_OWN, _PROPERTIES, _LAYOUTS = "detquant", "properties", "layouts"
_NO_LABEL = "???"
_LABELS = ("labelmap.txt", "labels.txt", "label_map.txt")


def written(path: Path) -> dict[str, str]:
    """The metadata that detquant wrote into the file (case 3); empty for other files."""
    return as_texts(_own(path).get(_PROPERTIES))


def channels_last(path: Path) -> frozenset[str]:
    """Names of inputs and outputs that lie with their channels last, by detquant's own entry (case 3)."""
    return frozenset(name for name, layout in as_texts(_own(path).get(_LAYOUTS)).items() if layout == "NHWC")


def _own(path: Path) -> dict[str, Any]:
    try:
        content = metadata_entry(read_bytes(path, LARGEST_FILE), _OWN, LARGEST) or b"{}"
        entry = parse_json(content.decode("utf-8", "surrogatepass"))
    except (*DAMAGE, OSError):
        return {}
    return entry if isinstance(entry, dict) else {}


def appended(path: Path) -> dict[str, str]:
    """The metadata in the archive behind a TFLite model; empty where there is none."""
    try:
        check_directory(path)
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if len(entries) > _MOST_ENTRIES:
                return {}
            texts = {entry.filename: _text(archive, entry) for entry in entries if entry.file_size <= LARGEST}
    except (OSError, ValueError, NotImplementedError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error):
        return {}
    found = next((texts[name] for name in _ULTRALYTICS if name in texts), None)
    if found is not None:
        return as_texts(read_literal(found))
    labels = next((texts[name].splitlines() for name in _LABELS if name in texts), [])
    labels = [label for label in labels if label != _NO_LABEL]
    return {"detquant.classes": json.dumps(labels)} if labels else {}


def _text(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> str:
    with archive.open(entry) as file:
        return file.read(LARGEST).decode("utf-8")
