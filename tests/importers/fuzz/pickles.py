"""Pickles instruction by instruction: sense and nonsense, from the vocabulary of checkpoints and from outside it."""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from detquant.importers.checkpoint.vocabulary import DTYPES, INERT_NAMES, MAKERS

HOSTILE = (
    *("os.system", "posix.system", "builtins.eval", "builtins.exec", "builtins.getattr", "subprocess.Popen"),
    *("operator.attrgetter", "functools.partial", "torch.load", "torch.hub.load", "numpy.load", "types.CodeType"),
    *(
        "ultralytics.nn.tasks.DetectionModel",
        "ultralytics.x.os.system",
        "torch.nn.modules.conv.Conv2d",
        "models.yolo.M",
    ),
)
NAMES = sorted({*MAKERS, *INERT_NAMES, *HOSTILE, *(f"torch.{name}" for name in DTYPES)})
TEXTS = (
    "",
    "a",
    "0",
    "1",
    "cpu",
    "storage",
    "model",
    "ema",
    "state_dict",
    "_modules",
    "_parameters",
    "weight",
    "names",
)


def _text(text: str) -> bytes:
    content = text.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(content)) + content


def _name(full: str) -> bytes:
    module, _, name = full.rpartition(".")
    return f"c{module}\n{name}\n".encode()


numbers = st.one_of(
    st.integers(0, 255).map(lambda n: b"K" + bytes([n])),
    st.integers(0, 2**16 - 1).map(lambda n: b"M" + struct.pack("<H", n)),
    st.integers(-(2**31), 2**31 - 1).map(lambda n: b"J" + struct.pack("<i", n)),
    st.binary(max_size=12).map(lambda content: b"\x8a" + bytes([len(content)]) + content),
    st.floats().map(lambda x: b"G" + struct.pack(">d", x)),
)
texts = st.one_of(st.sampled_from(TEXTS), st.text(max_size=6)).map(_text)
names = st.sampled_from(NAMES).map(_name)
small = st.integers(0, 5)
memo = st.one_of(
    small.map(lambda place: b"q" + bytes([place])),
    small.map(lambda place: b"h" + bytes([place])),
    small.map(lambda place: b"j" + struct.pack("<I", place)),
    st.just(b"\x94"),
)
plain = st.sampled_from([b"N", b"\x88", b"\x89", b"]", b"}", b")", b"\x8f"])
steps = st.sampled_from(
    [
        b"(",
        b"t",
        b"\x85",
        b"\x86",
        b"\x87",
        b"e",
        b"a",
        b"u",
        b"s",
        b"R",
        b"\x81",
        b"b",
        b"Q",
        b"\x93",
        b"\x90",
        b"\x91",
    ]
)
foreign = st.binary(min_size=1, max_size=3)
tuples = st.lists(numbers, max_size=3).map(lambda parts: b"(" + b"".join(parts) + b"t")


@st.composite
def tensors(draw: st.DrawFn) -> bytes:
    """A tensor, whose shape and storage may or may not fit."""
    kind, key = draw(st.sampled_from(sorted(DTYPES))), draw(st.sampled_from("012"))
    numel = draw(st.one_of(st.just(b"K\x04"), numbers))
    storage = b"(" + _text("storage") + _name(f"torch.{kind}") + _text(key) + _text("cpu") + numel + b"tQ"
    fits = b"K\0" + b"K\x04\x85" + b"K\x01\x85"
    view = fits if draw(st.booleans()) else draw(numbers) + draw(tuples) + draw(tuples)
    return _name("torch._utils._rebuild_tensor_v2") + b"(" + storage + view + b"\x89}tR"


@st.composite
def calls(draw: st.DrawFn) -> bytes:
    """A name called with a few values, perhaps given a state."""
    values = draw(st.lists(st.one_of(plain, numbers, texts, tuples, memo, tensors()), max_size=5))
    state = draw(st.sampled_from([b"", b"}b", b"}(" + _text("a") + b"Nub", b"N}\x86b"]))
    return draw(names) + b"(" + b"".join(values) + b"t" + draw(st.sampled_from([b"R", b"\x81"])) + state


pieces = st.one_of(plain, numbers, texts, names, memo, steps, foreign, tensors(), calls())


@st.composite
def programs(draw: st.DrawFn) -> bytes:
    """A whole pickle; a part of it may stand there thousands of times, as bombs have it."""
    before, part, after = (b"".join(draw(st.lists(pieces, max_size=12))) for _ in range(3))
    times = draw(st.sampled_from([1, 1, 1, 2, 30, 3000]))
    return b"\x80\x02" + before + part * times + after + draw(st.sampled_from([b".", b".", b".", b""]))
