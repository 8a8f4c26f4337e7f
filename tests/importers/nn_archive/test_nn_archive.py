from __future__ import annotations

import lzma
import tarfile
import tempfile
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from archives import PACKINGS, config, packed

from detquant.embedded import embedded_model
from detquant.errors import ModelError
from detquant.importers import load_model
from detquant.importers.nn_archive.unpacking import MOST_MEMBERS
from detquant.pipeline.detector import load
from detquant.pipeline.export import export

NAMES = [f"thing {number}" for number in range(10)]


@cache
def bare() -> bytes:
    """The embedded detector without a word about itself."""
    proto = onnx.load(embedded_model("yolov8-pico"))
    del proto.metadata_props[:]
    return proto.SerializeToString()


def written(folder: Path, members: dict[str, Any], end: str = ".tar") -> Path:
    path = folder / f"net{end}"
    path.write_bytes(packed(members, end))
    return path


@pytest.fixture(autouse=True)
def nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("end", PACKINGS)
def test_the_model_of_a_stranger_s_archive(end: str, tmp_path: Path) -> None:
    said = config("nets/model.onnx", NAMES, mean=[0, 0, 0], scale=[255, 255, 255], dai_type="RGB888p")
    path = written(tmp_path, {"config.json": said, "nets/model.onnx": bare()}, end)
    detector, own = load(path), load("yolov8-pico")
    assert detector.imported.path == path and detector.imported.size_bytes == path.stat().st_size
    assert (detector.family.name, list(detector.family.classes)) == ("yolov8", NAMES)
    pixels = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    feed, expected = (one.family.preprocess(pixels)[0] for one in (detector, own))
    np.testing.assert_array_equal(feed, expected)
    found = detector.open().run({detector.family.input_name: feed})["output0"]
    np.testing.assert_array_equal(found, own.open().run({own.family.input_name: feed})["output0"])


@pytest.mark.parametrize(
    ("said", "rgb", "mean", "std", "resize"),
    [
        ({"mean": [1, 2, 3], "scale": [4, 5, 6], "dai_type": "BGR888p"}, False, (1, 2, 3), (4, 5, 6), "letterbox"),
        ({"mean": 0, "scale": 1, "reverse_channels": True}, True, (0,) * 3, (1,) * 3, "letterbox"),
        (
            {"scale": [255.0] * 3, "reverse_channels": False, "resize_mode": "STRETCH"},
            False,
            (0,) * 3,
            (255,) * 3,
            "stretch",
        ),
        ({"mean": [1, 2, 3], "dai_type": "RGB888i", "reverse_channels": False}, True, (1, 2, 3), (1,) * 3, "letterbox"),
        ({"mean": None, "scale": None, "dai_type": "BGR888p"}, False, (0,) * 3, (255,) * 3, "letterbox"),
        ({"mean": [1, 2, 3], "scale": [4, 5, 6]}, True, (0,) * 3, (255,) * 3, "letterbox"),
        ({"mean": ["a"], "scale": [0, 0, 0], "dai_type": "RGB888p"}, True, (0,) * 3, (255,) * 3, "letterbox"),
        ({}, True, (0,) * 3, (255,) * 3, "letterbox"),
    ],
)
def test_what_it_says_of_its_input_is_obeyed(
    said: dict[str, Any], rgb: bool, mean: tuple[int, ...], std: tuple[int, ...], resize: str, tmp_path: Path
) -> None:
    path = written(tmp_path, {"config.json": config(**said), "model.onnx": bare()})
    form = load(path).family.form
    assert (form.rgb, form.mean, form.std, form.resize) == (rgb, mean, std, resize)


def test_an_ir_in_an_archive(tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="the extra openvino is not installed")
    files = export("yolov8-pico", "openvino", precision="fp32").artefact.files
    path = written(tmp_path, {"config.json": config("model.xml"), **files})
    detector = load(path)
    assert detector.family.name == "yolov8" and detector.home == "ort"
    feed, _ = detector.family.preprocess(np.zeros((64, 64, 3), np.uint8))
    assert detector.open().run({detector.family.input_name: feed})


@pytest.mark.parametrize("end", [".blob", ".superblob", ".dlc"])
def test_what_was_compiled_is_refused(end: str, tmp_path: Path) -> None:
    path = written(tmp_path, {"config.json": config(f"net{end}"), f"net{end}": b"codes"})
    with pytest.raises(
        ModelError, match=f"holds 'net{end}', compiled for .* does not read: give the archive or the ONNX"
    ):
        load_model(path)


def test_an_archive_of_something_else(tmp_path: Path) -> None:
    path = written(tmp_path, {"a/best.onnx": bare()}, ".tar.gz")
    with pytest.raises(
        ModelError, match=r"without config\.json.*: unpack it and give the model in it \('best\.onnx'\)"
    ):
        load_model(path)
    for content, found in ((b"", "is empty"), (b"PK\x03\x04 a zip", "no tar archive")):
        path.write_bytes(content)
        with pytest.raises(ModelError, match=found):
            load_model(path)


@pytest.mark.parametrize("name", ["../model.onnx", "/etc/passwd", "", "nets", "other.onnx", "a\0b", "x" * 5000])
def test_a_model_that_is_not_in_it(name: str, tmp_path: Path) -> None:
    path = written(tmp_path, {"config.json": config(name), "nets/model.onnx": bare()})
    with pytest.raises(ModelError, match=r"no such file in it|does not say which file"):
        load_model(path)


@pytest.mark.parametrize(
    "text", [b"", b"[1]", b"{", b"\xff\xfe", b'{"model": 3}', b'{"config_version": "2.0", "model": {}}']
)
def test_a_configuration_that_makes_no_sense(text: bytes, tmp_path: Path) -> None:
    path = written(tmp_path, {"config.json": text, "model.onnx": bare()})
    with pytest.raises(ModelError, match=r"has a config\.json that"):
        load_model(path)


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


@pytest.mark.parametrize(
    ("member", "found"),
    [
        ({"../evil": b"x"}, "leads out of the folder"),
        ({"/tmp/evil": b"x"}, "leads out of the folder"),
        ({"link": special("link", tarfile.SYMTYPE, "/etc/passwd")}, "is a link or a device"),
        ({"link": special("link", tarfile.LNKTYPE, "model.onnx")}, "is a link or a device"),
        ({"pipe": special("pipe", tarfile.FIFOTYPE)}, "is a link or a device"),
        ({f"{number}": b"" for number in range(MOST_MEMBERS)}, "which no archive of a model has"),
    ],
)
def test_what_is_a_danger_is_refused(member: dict[str, Any], found: str, tmp_path: Path) -> None:
    path = written(tmp_path, {"config.json": config(), "model.onnx": bare(), **member})
    with pytest.raises(ModelError, match=found):
        load_model(path)


@pytest.mark.parametrize("end", [".tar.xz", ".tar.gz"])
def test_a_bomb_is_refused(end: str, tmp_path: Path) -> None:
    path = written(tmp_path, {"config.json": config(), "model.onnx": bytes(64 << 20)}, end)
    assert path.stat().st_size < 200_000
    with pytest.raises(ModelError, match="100 times its size"):
        load_model(path)


def test_an_xz_that_asks_for_gigabytes_of_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.tar.xz"
    header = lzma.compress(b"x", lzma.FORMAT_XZ, filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 20}])
    assert header[:6] == b"\xfd7zXZ\0"
    path.write_bytes(_with_dictionary(header, 40))  # of 4 GiB
    with pytest.raises(ModelError, match="cannot be unpacked"):
        load_model(path)


def _with_dictionary(content: bytes, bits: int) -> bytes:
    """An xz stream whose block asks for another dictionary; the checksum of its header is made anew."""
    start, length = 12, (content[12] + 1) * 4
    head = bytearray(content[start : start + length - 4])
    head[head.index(b"\x21\x01") + 2] = bits
    return content[:start] + bytes(head) + zlib.crc32(bytes(head)).to_bytes(4, "little") + content[start + length :]


def test_one_that_ends_early_is_a_sentence(tmp_path: Path) -> None:
    path = written(tmp_path, {"config.json": config(), "model.onnx": bare()[:50_000]}, ".tar.xz")
    content = path.read_bytes()
    for length in (20, len(content) // 2, len(content) - 4):
        path.write_bytes(content[:length])
        with pytest.raises(ModelError, match="cannot be unpacked"):
            load_model(path)
