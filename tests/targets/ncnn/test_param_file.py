"""The two files as ncnn's readers take them: names, numbers, tags, and a Split for whatever is read twice."""

from __future__ import annotations

import numpy as np
import pytest

from detquant.targets.ncnn.param_file import Blob, ParamFile, bare, fresh, tagged


def written(file, **outputs):
    param, weights = file.finish(outputs)
    magic, counts, *lines = param.decode().splitlines()
    assert magic == "7767517" and list(map(int, counts.split())) == [len(lines), sum(int(x.split()[3]) for x in lines)]
    return lines, weights


def test_lines_and_weights():
    file, x, y = ParamFile(), Blob("x", (3, 8, 8)), Blob("y", (4, 8, 8))
    file.layer("Input", "x", [], [x], {0: 8, 1: 8, 2: 3})
    file.layer("Convolution", "conv", [x], [y], {0: 4, 6: 12, 9: 3, 10: (0.0, 6.0)}, b"1234")
    lines, weights = written(file, out=y)
    assert lines == [
        "Input x 0 1 x 0=8 1=8 2=3",
        "Convolution conv 1 1 x out 0=4 6=12 9=3 -23310=2,0.00000000e+00,6.00000000e+00",
    ]
    assert weights == b"1234"


def test_what_is_read_twice_is_split_behind_its_layer():
    file, x, y, z = ParamFile(), Blob("x", (4,)), Blob("y", (4,)), Blob("z", (4,))
    file.layer("Input", "x", [], [x])
    file.layer("ReLU", "relu", [x], [y], {31: 7})
    file.layer("BinaryOp", "sum", [y, y], [z], {0: 0})
    lines, _ = written(file, kept=y, z=z)
    assert lines[1:] == [
        "ReLU relu 1 1 x y/whole 31=7",
        "Split relu/split 1 3 y/whole kept y/0 y/1 31=7",
        "BinaryOp sum 2 1 y/0 y/1 z 0=0",
    ]


def test_names_are_words_and_nothing_is_called_twice():
    file, x = ParamFile(), Blob("images", (4,))
    file.layer("Input", "images", [], [x])
    for _ in range(2):
        made = Blob("a value", (4,))
        file.layer("ReLU", "a layer", [x], [made])
        x = made
    lines, _ = written(file, images_1=x)
    assert lines == [
        "Input images 0 1 images",
        "ReLU a_layer 1 1 images a_value",
        "ReLU a_layer_1 1 1 a_value images_1",
    ]
    assert len(fresh("long" * 100, set())) == 200 and fresh("", set()) == "unnamed"


def test_an_output_keeps_its_name_where_another_blob_has_it():
    file, x, y, z = ParamFile(), Blob("x", (4,)), Blob("out", (4,)), Blob("z", (4,))
    file.layer("Input", "x", [], [x])
    file.layer("ReLU", "one", [x], [y])
    file.layer("ReLU", "two", [y], [z])
    lines, _ = written(file, out=z)
    assert [line.split()[4:6] for line in lines[1:]] == [["x", "out_1"], ["out_1", "out"]]


@pytest.mark.parametrize("number", [1 / 3, -1.2345678e-30, 3.4028235e38, 1e-45, 0.0])
def test_numbers_are_read_again_as_they_were(number):
    file, x = ParamFile(), Blob("x", (4,))
    file.layer("Clip", "clip", [], [x], {0: number})
    [line], _ = written(file, x=x)
    word = line.split("0=")[1]
    assert len(word) <= 15 and np.float32(float(word)) == np.float32(number)


def test_tags_and_padding():
    codes = np.array([1, -127, 3], np.int8)
    assert tagged(codes) == bytes.fromhex("384b0d00") + codes.tobytes() + b"\0"
    halves = np.array([1, 2, 3], np.float32)
    assert tagged(halves, half=True) == bytes.fromhex("476b3001") + halves.astype("<f2").tobytes() + b"\0\0"
    assert tagged(halves) == bytes(4) + halves.tobytes()
    assert tagged(codes, half=True) == tagged(codes)
    assert bare(np.float32(1), halves) == np.array([1, 1, 2, 3], "<f4").tobytes()
