"""What is kept on the disk comes back: codes exactly, floats to 11 bits whatever their size."""

from __future__ import annotations

import errno

import numpy as np
import pytest

from detquant.errors import CalibrationError, OutputError
from detquant.numerics import QType, QuantParams

pytest.importorskip("torch", reason="the extra torch is not installed")
import torch

from detquant.algorithms.reconstruction.tensors import Kept, Shelf
from detquant.fake_quant.modules import FakeQuantize

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("qtype", [QType(4, False), QType(8, False), QType(8), QType(16, False)], ids=str)
def test_codes_come_back_exactly_and_take_what_they_are_wide(qtype):
    grid = FakeQuantize(QuantParams(qtype, np.float32(0.037), np.int64((qtype.qmin + qtype.qmax) // 3)))
    images = [grid(torch.randn(1, 4, 5, 6) * 0.04 * 2**qtype.bits) for _ in range(3)]
    with Shelf() as shelf:
        kept = shelf.new(grid)
        for k, image in enumerate(images):
            shelf.put(kept, image, "t", k)
        assert all(torch.allclose(kept.read([k]), image, rtol=1e-6) for k, image in enumerate(images))
        assert shelf.bytes == 3 * 120 * (1 if qtype.bits <= 8 else 2)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e6, 1e30])
def test_floats_come_back_to_eleven_bits(size):
    images = [torch.randn(1, 4, 5, 6) * size * (k + 1) for k in range(3)]
    with Shelf() as shelf:
        kept = shelf.new()
        for k, image in enumerate(images):
            shelf.put(kept, image, "t", k)
        both = kept.read([2, 0])
        assert both.shape == (2, 4, 5, 6)
        for found, image in zip(both, (images[2], images[0]), strict=True):
            assert float((found - image[0]).abs().max()) <= 2**-11 * float(image.abs().max())
        part = kept.read([1, 2], [(..., slice(0, 2), slice(1, 3)), (..., slice(3, 5), slice(2, 4))])
        assert torch.equal(part[1], kept.read([2])[0, :, 3:5, 2:4])


def test_what_is_dropped_takes_no_room_and_the_folder_is_gone_in_the_end():
    with Shelf() as shelf:
        one, other = shelf.new(), shelf.new()
        for kept in (one, other):
            shelf.put(kept, torch.zeros(1, 1000), "t", 0)
        shelf.drop(one)
        assert (shelf.bytes, shelf.most) == (2000, 4000)
        assert not one.file.exists() and other.file.exists()
        folder = other.file.parent
    assert not folder.exists()


def test_what_is_not_finite_is_refused_with_its_name_and_image():
    with Shelf() as shelf, pytest.raises(CalibrationError, match=r"'relu_3' is not finite on calibration image 8 "):
        shelf.put(shelf.new(), torch.tensor([1.0, float("nan")]), "relu_3", 7)


def test_a_full_disk_is_one_sentence(monkeypatch):
    def full(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Kept, "add", full)
    with Shelf() as shelf, pytest.raises(OutputError, match=r"0 MB so far: No space left on device\. .*TMPDIR"):
        shelf.put(shelf.new(), torch.zeros(1), "t", 0)
