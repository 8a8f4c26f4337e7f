r"""Names of an ONNX file that are no text.

Protobuf's strings are UTF-8, but not all writers see to it (names taken from files of another encoding). Python's
protobuf gives such a string as bytes, which nothing after it takes. Each of their bytes that is no UTF-8 is written
"\xff" here, alike wherever a name stands, so the graph stays as it was.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any


def mend_text(message: Any) -> None:
    """Replace all strings of a protobuf message and of those inside that are no UTF-8, in place."""
    for name, repeated, holds_more in _fields(message.DESCRIPTOR):
        value = getattr(message, name)
        if holds_more:
            for inner in value if repeated else (value,) if message.HasField(name) else ():
                mend_text(inner)
        elif repeated:
            for place, text in enumerate(value):
                if isinstance(text, bytes):
                    value[place] = _text(text)
        elif isinstance(value, bytes):
            setattr(message, name, _text(value))


def _text(content: bytes) -> str:
    return content.decode("utf-8", "backslashreplace")


@lru_cache(maxsize=64)
def _fields(descriptor: Any) -> tuple[tuple[str, bool, bool], ...]:
    """The fields that hold text or messages: name, whether the field is repeated, whether it holds messages."""
    return tuple(
        (field.name, _is_repeated(field), field.type == field.TYPE_MESSAGE)
        for field in descriptor.fields
        if field.type in (field.TYPE_STRING, field.TYPE_MESSAGE)
    )


def _is_repeated(field: Any) -> bool:
    """Older versions of protobuf say it in another way."""
    return bool(field.is_repeated if hasattr(field, "is_repeated") else field.label == field.LABEL_REPEATED)
