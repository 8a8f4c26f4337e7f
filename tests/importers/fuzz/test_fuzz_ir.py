"""Whatever an IR says of its operations, there is a model or a sentence: soon and in little memory."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from bounds import read
from hypothesis import given
from hypothesis import strategies as st
from mutations import EDGES

from detquant.importers import load_model

openvino = pytest.importorskip("openvino", reason="the extra openvino is not installed")

VALUE = re.compile(r'"[^"]*"|(?<=<dim>)[^<]*')
LINES = [
    *('"Range"', '"Tile"', '"Loop"', '"If"', '"Const"', '"Result"', '"Parameter"', '"NonZero"', '"Wobble"', '""'),
    *('"f16"', '"i64"', '"u1"', '"string"', '"boolean"', '"opset1"', '"opset15"', '"1,4,?,8"', '"..."', '"-1,2"'),
    *('"floor"', '"same_upper"', '"numpy"', '"nan"', '"1e999"', '"&#0;"', '"\ufffd"', f'"{"9" * 400}"', '"[]"'),
]


@cache
def sound(place: Path) -> tuple[str, bytes]:
    """A net with shapes that are computed, as the text of its .xml and its .bin."""
    from openvino import opset13 as ops

    image = ops.parameter([1, 4, 8, 8], np.float32, name="x")
    kernel = ops.constant(np.random.default_rng(0).normal(size=(4, 4, 3, 3)).astype(np.float32))
    maps = ops.relu(ops.convolution(image, kernel, [2, 2], [1, 1], [1, 1], [1, 1]))
    zero = ops.constant(np.array(0))
    sides = ops.gather(ops.shape_of(maps), ops.constant(np.array([0, 1])), zero)
    flat = ops.reshape(maps, ops.concat([sides, ops.constant(np.array([-1]))], 0), False)
    places = ops.range(zero, ops.constant(np.array(16)), ops.constant(np.array(1)), "f32")
    wide = ops.tile(ops.unsqueeze(places, [0, 1]), ops.constant(np.array([1, 4, 1])))
    best = ops.topk(ops.add(flat, wide), ops.constant(np.array(3)), 2, "max", "value")
    model = openvino.Model([best.output(0)], [image], "net")
    openvino.serialize(model, place / "net.xml")
    return (place / "net.xml").read_text(), (place / "net.bin").read_bytes()


@st.composite
def changed(draw: st.DrawFn, text: str) -> str:
    """Some values set to others, lines left out, doubled, or moved."""
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["value", "value", "value", "line"]))
        if kind == "value":
            found = list(VALUE.finditer(text))
            match = found[draw(st.integers(0, len(found) - 1))]
            number = draw(st.one_of(st.integers(-2, 9), st.sampled_from(EDGES), st.sampled_from(LINES)))
            new = number if isinstance(number, str) else f'"{number}"'
            new = new if match[0].startswith('"') else new.strip('"')
            text = text[: match.start()] + new + text[match.end() :]
        else:
            lines = text.split("\n")
            at, to = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
            part = lines[at : at + draw(st.sampled_from([1, 1, 3, 12]))]
            times = draw(st.sampled_from([0, 1, 2, 40]))
            rest = lines[:at] + lines[at + len(part) :] if draw(st.booleans()) else lines
            text = "\n".join(rest[:to] + part * times + rest[to:])
    return text


@given(data=st.data())
def test_an_ir_of_other_values(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    text, weights = sound(tmp_path_factory.getbasetemp())
    path = tmp_path / "net.xml"
    path.write_text(data.draw(changed(text)), encoding="utf-8", errors="surrogatepass")
    path.with_suffix(".bin").write_bytes(weights)
    with np.errstate(all="ignore"):
        read(lambda: load_model(path), path.stat().st_size + 10_000, factor=4000)


@pytest.mark.parametrize("times", [10, 3000])
def test_what_nests(times: int, tmp_path: Path) -> None:
    path = tmp_path / "net.xml"
    path.write_text('<net name="a" version="11">' + "<layers>" * times + "</layers>" * times + "</net>")
    path.with_suffix(".bin").write_bytes(b"")
    read(lambda: load_model(path), path.stat().st_size + 10_000, factor=4000)
