"""NN Archives to read."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import tarfile
from collections.abc import Callable, Mapping
from typing import Any

PACKINGS: Mapping[str, Callable[[bytes], bytes]] = {
    ".tar": bytes,
    ".tar.gz": gzip.compress,
    ".tgz": gzip.compress,
    ".tar.xz": lzma.compress,
    ".txz": lzma.compress,
}


def packed(members: Mapping[str, bytes | tarfile.TarInfo], end: str = ".tar.xz") -> bytes:
    """A tar of contents, or of entries without any."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in members.items():
            entry = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            if isinstance(content, bytes):
                entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content) if isinstance(content, bytes) else None)
    return PACKINGS[end](file.getvalue())


def config(path: str = "model.onnx", classes: list[str] | None = None, **preprocessing: Any) -> bytes:
    """A configuration as Luxonis' tools write it."""
    image = {"name": "images", "dtype": "float32", "input_type": "image", "shape": [1, 3, 256, 256], "layout": "NCHW"}
    heads = [{"parser": "YOLO", "metadata": {"classes": classes, "n_classes": len(classes)}}] if classes else []
    model = {
        "metadata": {"name": "net", "path": path, "precision": "float32"},
        "inputs": [{**image, "preprocessing": preprocessing}],
        "outputs": [{"name": "output0", "dtype": "float32"}],
        "heads": heads,
    }
    return json.dumps({"config_version": "1.0", "model": model}).encode()
