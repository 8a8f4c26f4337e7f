"""data.yaml as people write it, held against the plain one; and what is refused in one sentence."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from detquant.data import Dataset, open_dataset
from detquant.errors import DatasetError

PLAIN = "train: images/train\nval: images/val\nnames: [cat, dog]\n"
SPLITS = "train: images/train\nval: images/val\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for split, names in {"train": "a", "val": "bc"}.items():
        for kind in ("images", "labels"):
            (tmp_path / kind / split).mkdir(parents=True)
        for name in names:
            cv2.imwrite(str(tmp_path / "images" / split / f"{name}.png"), np.zeros((40, 80, 3), np.uint8))
            (tmp_path / "labels" / split / f"{name}.txt").write_text("1 0.5 0.5 0.25 0.5\n")
    return tmp_path


def opened(root: Path, text: str | bytes) -> Dataset:
    (root / "data.yaml").write_bytes(text.encode() if isinstance(text, str) else text)
    return open_dataset(root / "data.yaml")


@pytest.mark.parametrize(
    "text",
    [
        SPLITS + "names: {'0': cat, \"1\": dog}\n",
        SPLITS + "names: {'0': cat, 1: dog}\nnc: '2'\n",
        "train: images\\train\nval: images\\val\nnames: [cat, dog]\n",
        "train: .\\images\\train\nval: ..\\images\\val\nnames: [cat, dog]\n",
        "path: sub\\..\n" + PLAIN,
        "train: [[images/train], []]\nval: [[images/val]]\nnames: [cat, dog]\n",
        "path:\ndownload: |\n  import os; os.system('false')\n" + PLAIN,
        "val: null\ntrain: images/train\nvalidation: images/val\nnames: [cat, dog]\n",
        "names: &n [cat, dog]\nagain: *n\n" + SPLITS,
        PLAIN.encode("utf-16"),
        PLAIN.encode("utf-8-sig").replace(b"\n", b"\r\n"),
        PLAIN + "date: 2026-13-45\n",
        "train: images/train/a.png\nval: [images/val/b.png, images/val/c.png]\nnames: [cat, dog]\n",
    ],
)
def test_the_same_said_otherwise(root: Path, text: str | bytes) -> None:
    (root / "sub").mkdir()
    plain, other = opened(root, PLAIN), opened(root, text)
    assert (other.classes, other.ground_truth) == (plain.classes, plain.ground_truth)
    assert [path.resolve() for path in other.validation] == [path.resolve() for path in plain.validation]


def test_places_of_another_machine_are_taken_by_their_last_parts_and_said(root: Path) -> None:
    text = "path: D:\\sets\ntrain: C:\\me\\set\\images\\train\nval: /home/me/set/images/val\nnames: [cat, dog]\n"
    dataset = opened(root, text)
    assert [path.name for path in dataset.validation] == ["b.png", "c.png"]
    assert "'train' of data.yaml is 'C:\\\\me\\\\set\\\\images\\\\train', which is not here:" in dataset.notes[0]
    assert f"{root / 'images' / 'val'} was taken" in dataset.notes[1]


def test_lists_of_windows(root: Path) -> None:
    (root / "val.txt").write_bytes(b"images\\val\\b.png\r\nC:\\me\\images\\val\\c.png\r\nC:\\me\\gone.png\r\n")
    dataset = opened(root, "train: images/train\nval: val.txt\nnames: [cat, dog]\n")
    assert [path.name for path in dataset.validation] == ["b.png", "c.png"]
    assert "1 paths of val.txt are not here; the files were found by their last parts." in dataset.notes
    assert [skip.path.name for skip in dataset.skipped] == ["gone.png"]


@pytest.mark.parametrize(
    ("line", "shape"),
    [
        ("1 0.5 0.5 0.25 0.5 0.1 0.1 0.9 0.1 0.9 0.9 0.1 0.9", "[4, 2]"),
        ("1 0.5 0.5 0.25 0.5 0.1 0.1 2 0.9 0.1 0", "[2, 3]"),
        ("1 0.5 0.5 0.25 0.5 -3 7 99 -1", "[2, 2]"),
        ("1 0.5 0.5 0.25 0.5", "[2, 2]"),
    ],
)
def test_lines_of_key_points_give_their_boxes(root: Path, line: str, shape: str) -> None:
    plain = opened(root, PLAIN)
    (root / "labels" / "val" / "b.txt").write_text(line)
    dataset = opened(root, PLAIN + f"kpt_shape: {shape}\n")
    assert dataset.ground_truth == plain.ground_truth and "only the boxes are used" in dataset.notes[0]


def test_without_kpt_shape_such_a_line_is_a_polygon(root: Path) -> None:
    (root / "labels" / "val" / "b.txt").write_text("1 0.5 0.5 0.25 0.5 0.1 0.1 0.9 0.1 0.9 0.9 0.1 0.9")
    truth = opened(root, PLAIN).ground_truth
    assert truth is not None
    assert truth["annotations"][0]["bbox"] == pytest.approx([8, 4, 64, 32])
    assert len(opened(root, PLAIN + "kpt_shape: [3, 2]\n").skipped) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (SPLITS + "nc: 1000000000\n", "'nc' is 1000000000, and no more than 100000 classes are read"),
        (SPLITS + "nc: " + "9" * 6000, "not valid YAML: .*4300"),
        (SPLITS + f"nc: 0x{'f' * 6000}", "'nc' is a int too large to show"),
        (SPLITS + "nc: .inf\n", "'nc' is inf, but the number of classes"),
        (SPLITS + "nc: -1\n", "'nc' is -1"),
        (SPLITS + "nc: true\n", "'nc' is True"),
        (
            SPLITS + "names: {1: cat, 2: dog}\n",
            "keys of 'names' are 1 to 2, but label files count classes from 0: make",
        ),
        (SPLITS + "names: {0: cat, 1000000000: dog}\n", "without holes, and 1 is missing"),
        (SPLITS + "names: {0: cat, '0': dog}\n", "the key 0 twice, with and without quotes"),
        (SPLITS + "names: {0: cat, 0: dog}\n", "not valid YAML: the key '0' stands there twice in line 3"),
        (SPLITS + "names: {cat: 0}\n", "'names' has the key 'cat', but the numbers"),
        (SPLITS + "names: [cat, [dog]]\n", r"name 1 of 'names' is \['dog'\], but a text was expected"),
        (SPLITS + "names: {}\n", "'names' must be a list"),
        (PLAIN + "kpt_shape: [17, 4]\n", r"'kpt_shape' is \[17, 4\], but the number of key points and 2 or 3"),
        (PLAIN + "kpt_shape: 17\n", "'kpt_shape' is 17"),
        (PLAIN + "kpt_shape: [1000000000, 3]\n", "'kpt_shape' is"),
        (PLAIN + "path: [a]\n", r"'path' is \['a'\], but the folder of the data set was expected"),
        ("val: null\nnames: [a]\n", "has nothing behind 'val': give the folder"),
        ("val: {a: b}\nnames: [a]\n", r"'val' is \{'a': 'b'\}, but the folder"),
        ("val: []\nnames: [a]\n", r"'val' is \[\], but the folder"),
        ("val: C:\\me\\images\nnames: [a]\n", "does not exist; looked for"),
        ("train: gone\nval: gone\nnames: [a]\ndownload: x\n", "Its 'download' is never run: get the data first"),
        ("a: &a [*a]", "not valid YAML: '.a' stands for itself in line 1"),
        ("!!python/object/apply:os.system [ls]", "not valid YAML: could not determine a constructor for the tag"),
        ("[" * 9999, "not valid YAML: it nests too deeply"),
        ("a: \0", "not valid YAML"),
        (b"names: [gr\xf6\xdfe]", "byte 10 is not UTF-8 text"),
        ("- a\n- b\n", "holds no keys"),
        ("x: " + "y" * (1 << 21), "it has 2.1 MB, and no more than 2.1 MB are read"),
    ],
)
def test_refused_in_one_sentence(root: Path, text: str | bytes, words: str) -> None:
    with pytest.raises(DatasetError, match=words) as refused:
        opened(root, text)
    assert str(refused.value).isprintable() and len(str(refused.value)) < 800


@pytest.mark.parametrize(
    ("train", "words"),
    [
        ("null", "has nothing behind 'train': give the folder"),
        ("{a: b}", r"'train' is \{'a': 'b'\}, but the folder"),
        ("[]", r"'train' is \[\], but the folder"),
        ("C:\\me\\images", "does not exist; looked for"),
    ],
)
def test_what_is_wrong_with_train_is_kept_for_who_calibrates(root: Path, train: str, words: str) -> None:
    said = opened(root, f"train: {train}\nval: images/val\nnames: [a, b]\n").uncalibrated
    assert re.search(words, said) and said.isprintable() and len(said) < 800


def test_bombs_of_aliases_cost_little(root: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{one}: &a{one} [{', '.join([f'*a{one - 1}'] * 10)}]" for one in range(1, 12)]
    with pytest.raises(DatasetError, match="more than 200000 entries, those that its aliases repeat among them"):
        opened(root, "\n".join(lines))


def test_images_that_are_not_read_are_said_with_their_suffixes(root: Path) -> None:
    (root / "images" / "val" / "d.heic").touch()
    assert "left out (1 .heic): convert" in " ".join(opened(root, PLAIN).notes)
    for name in "bc":
        (root / "images" / "val" / f"{name}.png").rename(root / "images" / "val" / f"{name}.heic")
    with pytest.raises(
        DatasetError, match=r"'val' of .* has no images: it has 3 \.heic, and read are \.bmp, .*\.webp: conv"
    ):
        opened(root, PLAIN)


def test_classes_named_otherwise_in_the_annotations_beside_are_paired(root: Path) -> None:
    (root / "annotations").mkdir()
    (root / "annotations" / "instances_val.json").write_text(
        '{"images": [{"id": "b", "file_name": "b.png"}], "categories": [{"id": 0, "name": "pets", "supercategory": ""},'
        '{"id": 1, "name": "Dog", "supercategory": "pets"}, {"id": 2, "name": "CAT", "supercategory": "pets"}],'
        '"annotations": [{"image_id": "b", "category_id": 1, "bbox": [1, 2, 3, 4]}]}'
    )
    dataset = opened(root, PLAIN)
    assert dataset.ground_truth is not None and dataset.classes == ("cat", "dog")
    assert [one["category_id"] for one in dataset.ground_truth["annotations"]] == [1]
