from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import pytest

from detquant.data.scenes import CLASSES, SIZE, SPLITS, Layout, contact_sheet, crops, layout, scene
from detquant.data.scenes.layout import DISTRACTOR, Item
from detquant.data.scenes.painting import Sun, paint_item
from detquant.data.scenes.silhouette import FINE, Window, area, silhouette
from detquant.errors import DatasetError

# Of the outlines to a hundredth of a pixel. It moves when NumPy changes its streams or someone the geometry;
# then every figure that was measured on scenes is of another data set.
GEOMETRY = "16f5f4c6900b15d7"


Box = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def layouts() -> list[Layout]:
    return [layout("train", index) for index in range(200)]


def test_the_same_bytes_in_any_order() -> None:
    forward = [scene("train", index).image for index in (0, 1, 2)]
    backward = [scene("train", index).image for index in (2, 1, 0)][::-1]
    for one, other in zip(forward, backward, strict=True):
        assert one.tobytes() == other.tobytes()
        assert one.shape == (SIZE, SIZE, 3) and one.dtype == np.uint8


def test_every_argument_makes_another_scene() -> None:
    scenes = [*(scene(split, 3) for split in SPLITS), scene("train", 4), scene("train", 3, seed=1)]
    assert len({one.image.tobytes() for one in scenes}) == len({one.boxes.tobytes() for one in scenes}) == 5


def test_splits_share_no_layout(layouts: list[Layout]) -> None:
    train = {one.boxes.tobytes() for one in layouts}
    others = {layout(split, index).boxes.tobytes() for split in SPLITS[1:] for index in range(40)}
    assert len(train) == 200 and len(others) == 80 and not train & others


def test_geometry_is_the_one_that_was_published(layouts: list[Layout]) -> None:
    digest = hashlib.sha256()
    for one in layouts[:50]:
        for item in one.items:
            digest.update(item.class_id.to_bytes(2, "little", signed=True))
            for points in item.contours:
                digest.update(np.rint(points * 100).astype("<i4").tobytes())
    assert digest.hexdigest()[:16] == GEOMETRY


def test_a_scene_has_the_truth_of_its_layout() -> None:
    one, plan = scene("validation", 5), layout("validation", 5)
    assert np.array_equal(one.boxes, plan.boxes) and np.array_equal(one.class_id, plan.class_id)
    assert one.boxes.dtype == np.float32 and one.class_id.dtype == np.int64


def test_boxes_are_inside_and_not_empty(layouts: list[Layout]) -> None:
    for one in layouts:
        assert 1 <= len(one.boxes) <= 12 and len(one.boxes) == len(one.class_id)
        assert (one.boxes >= 0).all() and (one.boxes <= SIZE).all()
        assert (one.boxes[:, 2:] - one.boxes[:, :2] >= 2).all()


def test_boxes_are_tight_around_what_is_seen(layouts: list[Layout]) -> None:
    """The masks are drawn here in the full picture, from the top down, which is not how the layout does it."""
    frame = Window(0, 0, SIZE, SIZE)
    for one in layouts[:25]:
        free = np.ones((SIZE * FINE, SIZE * FINE), bool)
        found = []
        for item in reversed(one.items):
            mine = (silhouette(item.contours, frame) > 0) & free
            free &= ~mine
            if item.class_id != DISTRACTOR:
                rows, columns = np.flatnonzero(mine.any(1)), np.flatnonzero(mine.any(0))
                found.append([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
                assert mine.sum() >= 0.5 * area(item.contours) * FINE**2
        # OpenCV starts a clipped edge elsewhere in its fixed point, which now and then moves it by a sub-pixel.
        assert np.abs(np.array(found[::-1]) / FINE - one.boxes).max() <= 1 / FINE


def uppermost(layouts: list[Layout]) -> list[tuple[Item, Box]]:
    """Objects that were painted last, so that nothing hides them, and their boxes."""
    return [(one.items[-1], one.boxes[-1]) for one in layouts if one.items[-1].class_id != DISTRACTOR]


def test_a_whole_outline_is_framed_to_the_subpixel(layouts: list[Layout]) -> None:
    """Against the corners themselves: no drawing is involved."""
    whole = [(item.contours[0].min(0), item.contours[0].max(0), box) for item, box in uppermost(layouts)]
    whole = [(low, high, box) for low, high, box in whole if low.min() >= 0 and high.max() <= SIZE]
    assert len(whole) > 50
    for low, high, box in whole:
        assert np.abs(box - np.concatenate([low, high])).max() <= 1.5 / FINE


def test_paint_fills_the_box_and_no_more(layouts: list[Layout]) -> None:
    """Without a shadow, the pixels that change are those of the truth."""
    tops = uppermost(layouts)[:40]
    for item, box in tops:
        canvas = np.full((SIZE, SIZE, 3), 128, np.uint8)
        paint_item(canvas, item, Sun(0, 0, 0, 1, 0), np.random.default_rng(0))
        rows, columns = (np.flatnonzero((canvas != 128).any((2, axis))) for axis in (1, 0))
        painted = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
        assert np.abs(painted - box).max() <= 1.25


def test_classes_are_even_and_sizes_span(layouts: list[Layout]) -> None:
    counts = np.bincount(np.concatenate([one.class_id for one in layouts]), minlength=len(CLASSES))
    assert len(counts) == 10 and counts.min() > 0.75 * counts.mean() and counts.max() < 1.25 * counts.mean()
    boxes = np.concatenate([one.boxes for one in layouts])
    sides = (boxes[:, 2:] - boxes[:, :2]).max(1)
    assert sides.min() < 9 and 150 < sides.max() <= 160.5
    # Even in the square root: each doubling from 8 to 128 px has its share, and a larger one than that before it.
    shares = np.histogram(sides, [8, 16, 32, 64, 128])[0] / len(sides)
    assert shares[0] > 0.08 and (np.diff(shares) > 0).all()
    touching = (boxes[:, :2] == 0).any(1) | (boxes[:, 2:] == SIZE).any(1)
    assert 0.05 < touching.mean() < 0.4
    assert {len(one.boxes) for one in layouts} >= set(range(1, 11))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("trian", 0), "did you mean 'train'"), (("train", -1), "counted from 0"), (("train", 0, -1), "counted from 0")],
)
def test_refused(arguments: tuple[str, int], words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        scene(*arguments)  # type: ignore[arg-type]


def test_crops() -> None:
    few, many = list(crops("train", 5)), list(crops("train", 12))
    assert len(few) == 5 and len(many) == 12
    for (one, class_id), (same, same_class) in zip(few, many, strict=False):
        assert one.tobytes() == same.tobytes() and class_id == same_class
        assert one.shape == (32, 32, 3) and one.dtype == np.uint8 and one.std() > 2
    first = [layout("train", index).class_id for index in range(12)]
    assert [class_id for _, class_id in many] == np.concatenate(first)[:12].tolist()
    assert next(crops("train", 1, size=48))[0].shape == (48, 48, 3)


def test_a_crop_without_context_is_the_box() -> None:
    """Where the box is a square of whole pixels and as large as the crop, its pixels are the picture's own."""
    one = scene("train", 0)
    left, top, right, bottom = one.boxes[0].tolist()
    side = round(max(right - left, bottom - top))
    x, y = int(np.floor((left + right - side) / 2 + 0.5)), int(np.floor((top + bottom - side) / 2 + 0.5))
    rows, columns = np.arange(y, y + side).clip(0, SIZE - 1), np.arange(x, x + side).clip(0, SIZE - 1)
    crop, _ = next(crops("train", 1, size=side, context=0.0))
    assert np.array_equal(crop, one.image[np.ix_(rows, columns)])


def test_contact_sheet() -> None:
    sheet = contact_sheet(1, 2)
    assert sheet.shape == (2 * SIZE + 16, 4 * SIZE + 24, 3) and sheet.dtype == np.uint8
    assert not np.array_equal(sheet[8 : 8 + 2 * SIZE, 8 : 8 + 2 * SIZE], sheet[8 : 8 + 2 * SIZE, -8 - 2 * SIZE : -8])
