"""Whatever lies in the two files, the user gets one sentence, and no memory is taken for what is not there."""

from __future__ import annotations

import re
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from darknet_nets import EVERY_LAYER
from darknet_reference import write_weights

from detquant.errors import ModelError, UnsupportedOperator
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


@pytest.fixture
def net(tmp_path: Path) -> Path:
    """A sound cfg with its weights."""
    cfg = tmp_path / "net.cfg"
    cfg.write_text(EVERY_LAYER)
    write_weights(tmp_path / "net.weights", EVERY_LAYER)
    return cfg


def refused(path: Path, kind: type[ModelError] = ModelError) -> str:
    with pytest.raises(ModelError) as error:
        load_model(path)
    sentence = str(error.value)
    assert type(error.value) is kind and "\n" not in sentence and path.stem in sentence
    return sentence


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"\x00\x01\x02\xff" * 99, "not a Darknet cfg: expected a text file"),
        (b"[net]\n" + b"#" * (1 << 20), "expected a text file of some kilobytes"),
        (b"\xff\xd8\xff\xe0 junk " * 20, "not a Darknet cfg: line 1 is"),
        (b"# nothing\n", "has no section, and .net. was expected"),
        (b"width=3\n[net]\n", "line 1 is 'width=3', where a .section. was expected"),
        (b"[metadata]\nname=x\n", r"begins with \[metadata\], and \[net\] was expected"),
        (b"[convolutional]\nfilters=8\n", r"begins with \[convolutional\]"),
        (b"[net]\nwidth=8\nheight=8\n", "has 0 layers"),
        (b"[net]\n" + b"[dropout]\n" * 5000, "has 5000 layers"),
        (b"[net]\nwidth\n", "line 2 is 'width', where .* key=value was expected"),
        (b"[net]\nwidth=8\n[dropout]\n", "'height' is missing"),
        (b"[net]\nwidth=8\nheight=8\n[dropout]\n", "no .yolo. section follows"),
        (b"[net]\nwidth=8\nheight=8\n[route]\nlayers=-1\n", "names an earlier layer, and there is none"),
        (b"[net]\nwidth=8\nheight=8\n[yolo]\nanchors=1,1\nclasses=1\n", "no layer of its own"),
    ],
)
def test_a_cfg_that_is_none(net: Path, content: bytes, sentence: str) -> None:
    net.write_bytes(content)
    assert re.search(sentence, refused(net))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("width = 37", "width = wide", "line 3, .net.: width=wide makes no sense: expected an integer from 1 to 16384"),
        ("width = 37", "width = 0", "width=0 makes no sense"),
        ("width = 37", "width = -37", "width=-37 makes no sense"),
        ("width = 37", "width = 99999", "width=99999 makes no sense"),
        ("width = 37", "width = " + "9" * 6000, "makes no sense"),
        ("filters=8", "filters=1000000000", "filters=1000000000 makes no sense"),
        ("filters=8", "filters=8.5", "filters=8.5 makes no sense"),
        ("filters=8", "filters=", "filters= makes no sense"),
        ("stride=2", "stride=0", "stride=0 makes no sense"),
        ("size=5", "size=77", "a map of 16 channels and -59x-55 cells, which is nothing"),
        ("groups=8", "groups=3", "groups=3 does not divide its 8 channels and 16 filters"),
        ("from=-2", "from=-20", "from=-20 makes no sense: expected an integer from -6 to 5"),
        ("layers=-1", "layers=99", "line 34, .route.: layers=99 makes no sense"),
        ("layers=-1", "layers=" + "-1," * 999, "lists 999 numbers"),
        ("group_id=2", "group_id=4", "group_id=4 makes no sense: expected an integer from 0 to 3"),
        ("groups=4", "groups=5", "groups=5 does not divide the 16 channels"),
        ("layers=-1,8", "layers=-1,0", "it joins maps of 4x5, 15x19 cells"),
        ("classes=2", "classes=3", "has 21 channels, and 3 anchors with 3 classes need 24"),
        ("num=3", "num=4", "num=4 anchors need 8 numbers"),
        ("anchors = 4,5", "anchors = 4,-5", "anchors=-5 makes no sense"),
        ("anchors = 4,5", "anchors = 4,nan", "anchors=nan makes no sense"),
        ("mask = 0,2", "mask = 0,3", "mask=3 makes no sense"),
        ("scale_x_y = 1.1", "scale_x_y = 1e99", "scale_x_y=1e99 makes no sense"),
        ("[route]\nlayers=-4", "[yolo]\nanchors=1,1", "no layer of its own"),
    ],
)
def test_numbers_that_make_no_sense(net: Path, old: str, new: str, sentence: str) -> None:
    change(net, old, new)
    assert re.search(sentence, refused(net))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("[upsample]", "[upsampel]", r"line \d+, .upsampel.: the section is not known here: did you mean .upsample."),
        ("[upsample]", "[crnn]", "Known: convolutional, dropout, maxpool, route, shortcut, upsample, yolo"),
        ("activation=mish", "activation=mash", r"line 24, .convolutional.: the activation 'mash' .* mean 'mish'"),
        ("channels = 3", "channels = 1", "only nets of colour images"),
        ("pad=1", "pad=1\nxnor=1", "line 15, .convolutional.: xnor=1: only xnor=0 is taken"),
        ("pad=1", "pad=1\nstride_x=2", "stride_x=2: the option is not taken"),
        ("from=-2", "from=0", "only equal sizes are taken"),
    ],
)
def test_what_is_not_known_is_called_by_name_and_line(net: Path, old: str, new: str, sentence: str) -> None:
    change(net, old, new)
    assert re.search(sentence, refused(net, UnsupportedOperator))


def test_heads_of_different_classes(net: Path) -> None:
    change(net, "filters=14", "filters=16")
    text = net.read_text()
    net.write_text(text[: text.rindex("classes=2")] + "classes=3" + text[text.rindex("classes=2") + 9 :])
    assert "classes=3, and the first [yolo] has 2" in refused(net)


def test_one_half_alone(net: Path) -> None:
    weights = net.with_suffix(".weights")
    other = weights.rename(net.with_name("net_best.weights"))
    assert load_model(net).size_bytes > 0  # the only one there
    assert "found no .cfg file" not in refused(net.rename(net.with_name("a.cfg")).with_name("net.cfg"))
    cfg = net.with_name("a.cfg")
    net.with_name("c.weights").write_bytes(b"")
    assert "found c.weights, net_best.weights, expected 'a.weights'" in refused(cfg)
    cfg.rename(net.with_name("a.txt"))
    assert "found no .cfg file, expected 'net_best.cfg'" in refused(other)


def test_weights_that_are_a_folder(net: Path) -> None:
    weights = net.with_suffix(".weights")
    weights.unlink()
    weights.mkdir()
    assert "found no .weights file" in refused(net)
    assert "is a folder" in refused(weights)


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda content: content[:-4], "truncated or not of this net: the 6 .* ends in layer 17"),
        (lambda content: content[:400], "ends in layer 0"),
        (lambda content: content[:-1], "truncated"),
        (lambda content: content[:10], "has 10 bytes, too few"),
        (lambda content: b"", "has 0 bytes, too few"),
        (lambda content: content + bytes(4), "not of one net: the 6 convolutional layers"),
        (lambda content: content + b"x", "not of one net"),
        (lambda content: content[:-4] + b"\xff" * 4, "gives layer 17 of 'net.cfg' numbers that are not finite"),
        (lambda content: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
    ],
)
def test_weights_that_do_not_fit(net: Path, edit: Callable[[bytes], bytes], sentence: str) -> None:
    weights = net.with_suffix(".weights")
    weights.write_bytes(edit(weights.read_bytes()))
    assert re.search(sentence, refused(net))


def test_the_counts_are_told(net: Path) -> None:
    weights = net.with_suffix(".weights")
    size = weights.stat().st_size
    numbers = (size - 20) // 4
    weights.write_bytes(weights.read_bytes()[:-40])
    sentence = refused(net)
    assert f"take {numbers} numbers ({size} bytes with the header)" in sentence
    assert f"has {numbers - 10} ({size - 40} bytes)" in sentence


def test_a_variance_below_zero(net: Path) -> None:
    weights = net.with_suffix(".weights")
    content = bytearray(weights.read_bytes())
    content[20 + 3 * 8 * 4 : 24 + 3 * 8 * 4] = np.array([-1], "<f4").tobytes()
    weights.write_bytes(content)
    assert "gives layer 0 of 'net.cfg' variances below zero" in refused(net)


def test_absurd_sizes_cost_no_memory(net: Path) -> None:
    text = "[net]\nwidth=8\nheight=8\n" + "[convolutional]\nfilters=60000\nsize=99\npad=1\n" * 500
    net.write_text(text + "[convolutional]\nfilters=6\n[yolo]\nanchors=1,1\nclasses=1\n")
    tracemalloc.start()
    assert "truncated or not of this net" in refused(net)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6


def test_a_small_cfg_cannot_ask_for_a_million_operators(net: Path) -> None:
    route = "[route]\ngroups=256\nlayers=" + ",".join(["-1"] * 256) + "\n"
    net.write_text("[net]\nwidth=32\nheight=32\n[convolutional]\nfilters=256\n" + route * 1200)
    began = time.monotonic()
    assert "[route]: the net has more than 4096 operators up to here" in refused(net)
    assert time.monotonic() - began < 30


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """Bytes changed, cut out, doubled, or a number made another."""
    kind, start, length = rng.integers(5), int(rng.integers(len(content))), int(rng.integers(1, 40))
    end = start + length
    if kind == 0:
        return content[:start] + rng.bytes(3) + content[start + 3 :]
    if kind == 1:
        return content[:start] + content[end:]
    if kind == 2:
        return content[:end] + content[start:]
    if kind == 3:
        return content[:start]
    number = rng.choice([b"0", b"-1", b"7", b"99999", b"1e9", b"-999999999", b"3,4"])
    return content[:start] + re.sub(rb"-?\d+", lambda _: bytes(number), content[start:], count=1)


@pytest.mark.parametrize(("suffix", "text", "mutations"), [(".cfg", EVERY_LAYER, 700), (".weights", TWO_LAYERS, 1300)])
def test_only_sentences_come_out(net: Path, suffix: str, text: str, mutations: int) -> None:
    net.write_text(text)
    write_weights(net.with_suffix(".weights"), text)
    file = net.with_suffix(suffix)
    sound = file.read_bytes()
    rng = np.random.default_rng(0)
    accepted, began = 0, time.monotonic()
    for _ in range(mutations):
        content = sound
        for _ in range(int(rng.integers(1, 4))):
            content = mutated(content, rng) or sound
        file.write_bytes(content)
        try:
            load_model(net)
            accepted += 1
        except ModelError as error:
            assert str(error) and "\n" not in str(error)
    assert 0 < accepted < mutations  # some changes, as to a comment, do no harm
    assert time.monotonic() - began < 60
