"""torch's older format (before version 1.6): pickles one after the other, then the storages.

magic number, protocol version, facts about the machine, the object, the keys of the storages
for each key: the number of elements, 8 bytes; the elements
"""

from __future__ import annotations

import io
import struct

from detquant.importers.checkpoint._base import Flaw, Storage
from detquant.importers.checkpoint.pickled import Pickle

STREAM = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # the pickle of torch's magic number
_PROTOCOL = 1001
_COUNT = struct.Struct("<q")


def read_stream(content: bytes) -> object:
    """Reads what a checkpoint of the older format holds; see `parse_checkpoint`.

    Raises:
        Flaw: it is truncated or damaged, or its pickles are refused.
        ValueError, LookupError, TypeError, struct.error: it is damaged.
    """
    source = io.BytesIO(content)
    pickle = Pickle()
    _, protocol, machine = (pickle.follow(source) for _ in range(3))
    if protocol != _PROTOCOL or not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise Flaw("is of a protocol or byte order that is not known: load it with torch and save it again")
    tree, keys = pickle.follow(source), pickle.follow(source)
    by_key: dict[str, list[Storage]] = {}
    for storage in pickle.storages:
        by_key.setdefault(storage.key, []).append(storage)
    names = isinstance(keys, list) and all(isinstance(key, str) for key in keys)
    if not isinstance(keys, list) or not names or sorted(keys) != sorted(by_key):
        raise Flaw("is damaged: its storages are not those that its tensors refer to")
    view, start = memoryview(content), source.tell()
    for key in keys:
        (count,) = _COUNT.unpack_from(content, start)
        start += _COUNT.size
        end = start + by_key[key][0].itemsize * max(count, 0)
        for storage in by_key[key]:
            storage.fill(view[start:end])
        start = end
    return tree
