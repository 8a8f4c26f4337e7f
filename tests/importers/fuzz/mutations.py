"""Sound files, changed: bytes set, cut out, put in, doubled; numbers made others."""

from __future__ import annotations

import re
import struct

from hypothesis import strategies as st

# Numbers on which lengths and offsets like to break.
EDGES = [0, 1, 2, 3, 4, 7, 8, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1]
WORDS = [
    b"0",
    b"-1",
    b"7",
    b"1e9",
    b"-999999999",
    b"4294967296",
    b"3,4",
    b"nan",
    b"inf",
    b"true",
    b"null",
    b"[]",
    b"{}",
]


@st.composite
def mutated(draw: st.DrawFn, content: bytes, most: int = 6) -> bytes:
    """The content after one to `most` changes."""
    for _ in range(draw(st.integers(1, most))):
        content = draw(st.sampled_from(_KINDS))(draw, content)
    return content


def _place(draw: st.DrawFn, content: bytes) -> int:
    return draw(st.integers(0, len(content)))


def _set(draw: st.DrawFn, content: bytes) -> bytes:
    at, new = _place(draw, content), draw(st.binary(min_size=1, max_size=4))
    return content[:at] + new + content[at + len(new) :]


def _edge(draw: st.DrawFn, content: bytes) -> bytes:
    width, order = draw(st.sampled_from([1, 2, 4, 8])), draw(st.sampled_from("<>"))
    number = draw(st.sampled_from(EDGES)) % 256**width
    at = _place(draw, content)
    return content[:at] + struct.pack(order + {1: "B", 2: "H", 4: "I", 8: "Q"}[width], number) + content[at + width :]


def _cut(draw: st.DrawFn, content: bytes) -> bytes:
    at = _place(draw, content)
    return content[:at] + content[at + draw(st.integers(1, 64)) :]


def _end(draw: st.DrawFn, content: bytes) -> bytes:
    return content[: _place(draw, content)]


def _put(draw: st.DrawFn, content: bytes) -> bytes:
    at = _place(draw, content)
    return content[:at] + draw(st.binary(min_size=1, max_size=16)) + content[at:]


def _double(draw: st.DrawFn, content: bytes) -> bytes:
    at, length, times = _place(draw, content), draw(st.integers(1, 64)), draw(st.sampled_from([2, 3, 50]))
    return content[:at] + content[at : at + length] * times + content[at + length :]


def _number(draw: st.DrawFn, content: bytes) -> bytes:
    at, word = _place(draw, content), draw(st.sampled_from(WORDS))
    return content[:at] + re.sub(rb"-?\d+(\.\d+)?", lambda _: word, content[at:], count=1)


_KINDS = (_set, _edge, _cut, _end, _put, _double, _number)
