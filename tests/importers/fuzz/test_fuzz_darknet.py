"""Whatever is in a cfg or a weights file, there is a model or a sentence: soon and in little memory."""

from __future__ import annotations

import struct

from bounds import read
from darknet_nets import EVERY_LAYER
from darknet_reference import write_weights
from hypothesis import given
from hypothesis import strategies as st
from mutations import mutated

from detquant.importers import load_model

TWO_LAYERS = """
[net]
width=8
height=8
channels=3
[convolutional]
batch_normalize=1
filters=4
size=3
activation=leaky
[convolutional]
filters=6
size=1
activation=linear
[yolo]
anchors=1,1
classes=1
"""
BYTES_OF_A_SECTION = 4000  # in memory, for each of the cfg: a section may be nine bytes and become a node

sections = st.sampled_from(
    ["net", "convolutional", "maxpool", "upsample", "route", "shortcut", "dropout", "yolo", "crnn", "", "[", "é"]
)
keys = st.sampled_from(
    [
        *("width", "height", "channels", "filters", "size", "stride", "pad", "padding", "groups", "group_id", "layers"),
        *("from", "activation", "batch_normalize", "classes", "anchors", "mask", "num", "scale_x_y", "letter_box"),
        *("nms_kind", "new_coords", "stride_x", "dilation", "weights_type", "maxpool_depth", ""),
    ]
)
numbers = st.one_of(
    st.integers(-4, 33).map(str), st.sampled_from(["1e9", "99999", "-1", "0.5", "nan", "٣", "0x10", ""])
)
words = st.sampled_from(["linear", "leaky", "mish", "swish", "greedynms", "none", "mash"])
options = st.tuples(keys, st.one_of(numbers, words, st.lists(numbers, max_size=9).map(",".join), st.text(max_size=6)))


@st.composite
def cfgs(draw: st.DrawFn) -> str:
    """A cfg of sections that may make sense; some stand there many times."""
    side = draw(st.sampled_from([1, 7, 8, 32, 16384]))
    lines = [f"[net]\nwidth={side}\nheight={side}\nchannels=3"]
    for name, given_options, times in draw(
        st.lists(st.tuples(sections, st.lists(options, max_size=6), st.sampled_from([1, 1, 1, 2, 100])), max_size=8)
    ):
        text = "\n".join([f"[{name}]", *(f"{key}={value}" for key, value in given_options)])
        lines += [text] * times
    return "\n".join(lines)


@given(text=cfgs(), weights=st.binary(max_size=80))
def test_cfgs_of_any_sections(text: str, weights: bytes, tmp_path) -> None:
    cfg = tmp_path / "net.cfg"
    cfg.write_text(text, encoding="utf-8", errors="surrogatepass")
    cfg.with_suffix(".weights").write_bytes(struct.pack("<3iQ", 0, 2, 5, 0) + weights)
    read(lambda: load_model(cfg), cfg.stat().st_size, factor=BYTES_OF_A_SECTION)


@given(content=mutated(EVERY_LAYER.encode()))
def test_a_sound_cfg_that_was_changed(content: bytes, tmp_path) -> None:
    cfg = tmp_path / "net.cfg"
    if not cfg.with_suffix(".weights").exists():
        write_weights(cfg.with_suffix(".weights"), EVERY_LAYER)
    cfg.write_bytes(content)
    read(lambda: load_model(cfg), len(content), factor=BYTES_OF_A_SECTION)


@given(data=st.data())
def test_sound_weights_that_were_changed(data: st.DataObject, tmp_path) -> None:
    cfg, weights = tmp_path / "net.cfg", tmp_path / "net.weights"
    cfg.write_text(TWO_LAYERS)
    write_weights(weights, TWO_LAYERS)
    content = data.draw(mutated(weights.read_bytes()))
    weights.write_bytes(content)
    read(lambda: load_model(weights), len(content))


@given(content=st.binary(max_size=300))
def test_weights_of_any_bytes(content: bytes, tmp_path) -> None:
    cfg, weights = tmp_path / "net.cfg", tmp_path / "net.weights"
    cfg.write_text(TWO_LAYERS)
    weights.write_bytes(content)
    read(lambda: load_model(weights), len(content))
