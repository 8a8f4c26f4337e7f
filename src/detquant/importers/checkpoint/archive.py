"""torch's zip format: `NAME/data.pkl` is the pickle, `NAME/data/KEY` the bytes of each storage.

torch stores all entries uncompressed, so nothing is unpacked here: an entry is a view of the file. That leaves
nothing for a zip bomb. Refused are

1. entries that are compressed, encrypted, named twice, or whose names leave the archive;
2. what is a zip, but not a checkpoint: TorchScript, or any other archive;
3. storages that are missing, or not of the size that the pickle says.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping

from detquant.importers.checkpoint._base import Flaw, shown
from detquant.importers.checkpoint.pickled import Pickle

ZIP = b"PK\x03\x04"
MAX_PICKLE_BYTES = 16 * 2**20
MAX_ENTRIES = 100_000

_DIRECTORY_ENTRY = b"PK\x01\x02"
_LOCAL = struct.Struct("<4s22xHH")  # signature, 22 bytes that the directory says again, lengths of name and extra
_ENCRYPTED = 0x1


def read_archive(content: bytes) -> object:
    """Reads what a checkpoint in a zip holds; see `parse_checkpoint`.

    Raises:
        Flaw: for the cases at the top of this file, or of `pickled`.
        zipfile.BadZipFile, ValueError, LookupError: it is damaged.
    """
    entries = entries_of(content)
    prefix = _prefix(entries)
    if entries.get(f"{prefix}byteorder", b"little") != b"little":
        raise Flaw("was saved on a big-endian machine: load it with torch and save it on another")
    written = entries[f"{prefix}data.pkl"]
    if len(written) > MAX_PICKLE_BYTES:
        raise Flaw(f"has a pickle of {len(written)} bytes, more than any detector needs ({MAX_PICKLE_BYTES}): refused")
    pickle = Pickle()
    tree = pickle.follow(io.BytesIO(written))
    for storage in pickle.storages:  # case 3
        name = f"{prefix}data/{storage.key}"
        if name not in entries:
            raise Flaw(f"is damaged: its storage '{shown(storage.key)}' is missing")
        storage.fill(entries[name])
    return tree


def entries_of(content: bytes) -> Mapping[str, memoryview]:
    """Views of all entries of a zip, by name.

    Raises:
        Flaw: case 1, or there are more than any detector needs.
        zipfile.BadZipFile, struct.error: it is damaged.
    """
    if content.count(_DIRECTORY_ENTRY) > MAX_ENTRIES:  # before zipfile makes an object of each
        raise Flaw(f"has more than {MAX_ENTRIES} entries, more than any detector needs: refused")
    entries: dict[str, memoryview] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for info in archive.infolist():
            name = info.filename
            if name.startswith("/") or ".." in name.split("/") or "\\" in name or name in entries:  # case 1
                raise Flaw(f"has the entry '{shown(name)}' twice or outside the archive: refused")
            if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
                raise Flaw(
                    f"has the compressed entry '{shown(name)}', and torch compresses none: "
                    "expected a file that torch.save wrote, not an archive of one"
                )
            if info.flag_bits & _ENCRYPTED:
                raise Flaw(f"has the encrypted entry '{shown(name)}': expected a file that torch.save wrote")
            entries[name] = _view(content, info)
    return entries


def _view(content: bytes, info: zipfile.ZipInfo) -> memoryview:
    """The bytes of an entry, which begin behind its local header: that has paddings of its own."""
    signature, name, extra = _LOCAL.unpack_from(content, info.header_offset)
    start = info.header_offset + _LOCAL.size + name + extra
    end = start + info.file_size
    if signature != ZIP or end > len(content):
        raise Flaw(f"is truncated or damaged: its entry '{shown(info.filename)}' is not where the directory says")
    return memoryview(content)[start:end]


def _prefix(entries: Mapping[str, memoryview]) -> str:
    """The folder of the pickle inside the archive, with its slash; other archives are refused (case 2)."""
    prefixes = [name.removesuffix("data.pkl") for name in entries if name.rpartition("/")[2] == "data.pkl"]
    if len(prefixes) != 1:
        raise Flaw("is a ZIP archive, but not a checkpoint: expected one data.pkl in it, as torch.save writes")
    [prefix] = prefixes
    if any(name.startswith((f"{prefix}code/", f"{prefix}constants.pkl")) for name in entries):
        raise Flaw("is a TorchScript archive, which holds a program: give the checkpoint (.pt) that it was made of")
    return prefix
