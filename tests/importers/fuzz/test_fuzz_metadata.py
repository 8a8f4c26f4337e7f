"""Whatever a file says about itself, what reads it gives a value or a sentence: soon and in little memory."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from bounds import read
from hypothesis import given
from hypothesis import strategies as st
from mutations import mutated

from detquant.errors import ModelError
from detquant.families.class_names import class_names, read_literal, written_names
from detquant.families.preprocessing import written_preprocessing
from detquant.families.ssd_layout import read_layout
from detquant.families.yolo_heads import read_heads
from detquant.graph.fix_shapes import fixed_shape
from detquant.importers.metadata import LONGEST, bounded
from detquant.importers.openvino.metadata import as_texts, beside

YAML = b"""
author: Ultralytics
date: '2024-01-01T00:00:00'
stride: 32
task: detect
batch: 1
imgsz: [640, 640]
names: {0: person, 1: bicycle}
args: &a {batch: 1, half: false}
again: [*a, *a]
"""
HEADS = {"heads": [{"anchors": [[10, 13]], "stride": 8, "scale": 1.0}], "classes": 2, "resize": "letterbox"}
LAYOUT = {
    "boxes": "b",
    "classes": "c",
    "anchors": "AACAPw==",
    "variances": [0.1] * 4,
    "coding": "corners",
    "clip": True,
}
LAYOUT |= {"order": "yxyx", "scores": "sigmoid", "background": 0, "best_only": False, "nms_iou": 0.6, "rgb": True}
LAYOUT |= {"max_detections": 100, "resize": "stretch", "clip": True, "mean": [0, 0, 0], "std": [1, 1, 1]}
IMAGENET = {"rgb": True, "mean": [123.6, 116.2, 103.5], "std": [58.3, 57.1, 57.3], "crop": 0.875}

numbers = st.one_of(
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from(["9" * 5000, "1e999", "-1e999", "NaN", "0x" + "f" * 5000, "1" + "0" * 400, "1j", "True", "٣"]),
)
plain = st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=5), st.binary(max_size=3))
trees = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.one_of(st.integers(0, 3), st.text(max_size=2)), inner, max_size=4),
    ),
    max_leaves=8,
)
deep = st.tuples(
    st.sampled_from(["[", "{0:", "(", "-", "{'a':", "[[],", "not ", "~"]), st.sampled_from([10, 300, 9000])
)
texts = st.one_of(
    trees.map(repr),
    trees.map(lambda tree: json.dumps(tree, default=str, skipkeys=True)),
    deep.map(lambda part: part[0] * part[1]),
    st.text(max_size=40),
    st.sampled_from(["{0: 'cat'}", "['cat']", "a\0b", "'\\d'", "1if 1else 2", "b''", "{1: 2, **3}", "f'{x}'", "..."]),
    mutated(b"{0: 'person', 1: 'bicycle', 2: 'car'}").map(lambda content: content.decode("utf-8", "surrogateescape")),
)
READERS: dict[str, Callable[[str], object]] = {
    "literal": read_literal,
    "names": lambda text: class_names({"names": text}, 2),
    "classes": lambda text: class_names({"detquant.classes": text}, 2),
    "written": lambda text: written_names({"names": text, "detquant.classes": text}),
    "imgsz": lambda text: fixed_shape("x", ["n", 3, "h", "w"], None, {"imgsz": text}),
    "preprocessing": written_preprocessing,
    "heads": lambda text: read_heads({"detquant.yolo": text}),
    "layout": lambda text: read_layout({"detquant.ssd": text}),
}


@pytest.mark.parametrize("name", READERS)
@given(text=texts)
def test_an_entry_of_any_text(name: str, text: str) -> None:
    read(lambda: READERS[name](text), len(text), seconds=5)


@pytest.mark.parametrize(("name", "entry"), [("heads", HEADS), ("layout", LAYOUT), ("preprocessing", IMAGENET)])
@given(data=st.data())
def test_an_entry_whose_values_are_others(data: st.DataObject, name: str, entry: dict[str, object]) -> None:
    changed = entry | data.draw(st.dictionaries(st.sampled_from(sorted(entry)), trees, max_size=2))
    text = json.dumps(changed, default=str, skipkeys=True).replace('"1e999"', "1e999")
    read(lambda: READERS[name](text), len(text), seconds=5)


@given(tree=trees)
def test_a_tree_of_any_form(tree: object) -> None:
    entries = as_texts(tree)
    assert all(isinstance(part, str) for pair in entries.items() for part in pair)


@given(content=st.one_of(mutated(YAML), st.binary(max_size=60)))
def test_a_file_beside_the_model(content: bytes, tmp_path) -> None:
    (tmp_path / "metadata.yaml").write_bytes(content)
    read(lambda: beside(tmp_path), len(content), seconds=5)


@given(metadata=st.dictionaries(st.text(), st.text()), times=st.sampled_from([1, 2**20]))
def test_what_is_kept_can_be_written_by_anyone(metadata: dict[str, str], times: int) -> None:
    kept, left_out = bounded({key: text * times for key, text in metadata.items()})
    assert len(kept) + left_out == len(metadata)
    assert all(len(part.encode()) <= 4 * LONGEST for pair in kept.items() for part in pair)


def test_a_bomb_of_aliases_is_not_unfolded(tmp_path) -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{k}: &a{k} [*a{k - 1}, *a{k - 1}]" for k in range(1, 40))]
    (tmp_path / "metadata.yaml").write_text("\n".join(lines))
    assert read(lambda: beside(tmp_path), 1000, seconds=5) == {}


@pytest.mark.parametrize("size", ["[1000000000, 1000000000]", "[9223372036854775807, 640]", "100000"])
def test_an_image_that_no_memory_holds_is_refused(size: str) -> None:
    with pytest.raises(ModelError, match="nothing that can be run"):
        fixed_shape("x", ["n", 3, "h", "w"], None, {"imgsz": size})
