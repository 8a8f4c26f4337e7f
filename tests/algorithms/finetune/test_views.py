"""Views: within what the images' own numbers are, of their shape, the same for the same seed; boxes go with them."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the extra torch is not installed")
import torch

from detquant.algorithms.finetune.labels import Boxes
from detquant.algorithms.finetune.views import Views, turned

pytestmark = pytest.mark.usefixtures("one_thread")


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def pictures():
    """Three pictures whose colours have different ranges."""
    scale = torch.tensor([1.0, 2.0, 5.0])[None, :, None, None]
    return [torch.rand((1, 3, 12, 20), generator=seeded(k)) * scale - 1.0 for k in range(3)]


def test_views_stay_in_the_range_of_each_colour(pictures):
    views = Views.of(pictures)
    low, high = (torch.stack(pictures).amin((0, 1, 3, 4)), torch.stack(pictures).amax((0, 1, 3, 4)))
    for seed in range(30):
        view, _ = views.view(pictures[seed % 3], None, seeded(seed))
        assert view.shape == (1, 3, 12, 20) and bool(torch.isfinite(view).all())
        assert bool((view.amin((0, 2, 3)) >= low).all()) and bool((view.amax((0, 2, 3)) <= high).all())


def test_the_same_seed_draws_the_same_view_and_others_draw_others(pictures):
    views = Views.of(pictures)
    drawn = [views.view(pictures[0], None, seeded(seed))[0] for seed in (0, 0, 1, 2)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2]) and not torch.equal(drawn[2], drawn[3])


def test_what_is_no_picture_has_no_views():
    for data in (torch.rand(1, 16), torch.rand(1, 7, 4, 4)):
        assert Views.of([data]).view(data, 7, seeded(0)) == (data, 7)


def bright(image):
    """The box of what is bright."""
    rows, columns = torch.nonzero(image[0, 0] > 0.75 * image.max(), as_tuple=True)
    return [int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1]


def test_boxes_go_with_their_image_and_no_object_stands_twice():
    """One bright object at the left edge: wherever it lies in a view, there is its box, and nowhere else is another."""
    image = torch.zeros((1, 3, 64, 96))
    image[:, :, 20:44, :30] = 1.0
    views = Views.of([image])
    label, sides = Boxes(torch.tensor([[0.0, 20, 30, 44]]), torch.tensor([3])), set()
    for seed in range(24):
        view, found = views.view(image, label, seeded(seed))
        assert found.xyxy[0].tolist() == pytest.approx(bright(view), abs=1.0) and found.class_id.tolist() == [3]
        area = float((found.xyxy[0, 2:] - found.xyxy[0, :2]).prod())
        assert int((view[0, 0] > 0.75 * view.max()).sum()) == pytest.approx(area, rel=0.12)
        sides.add((found.xyxy[0, 0] > 30).item())
    assert sides == {True, False}  # mirrored, and not


@pytest.mark.parametrize(
    ("across", "wanted"),
    [
        (1.0, [[10, 10, 20, 30], [0, 40, 4, 44]]),
        (-1.0, [[80, 10, 90, 30], [96, 40, 100, 44]]),
        (0.8, [[0, 5, 12.5, 30]]),  # nearer: the second one is out
        (-2.0, [[65, 20, 70, 30], [73, 35, 75, 37]]),
    ],
)
def test_boxes_are_mirrored_and_drawn_nearer_or_further_from_the_middle(across, wanted):
    boxes = Boxes(torch.tensor([[10.0, 10, 20, 30], [0, 40, 4, 44]]), torch.tensor([5, 6]))
    found = turned(boxes, across, 100, 60)
    assert [pytest.approx(box, abs=1e-4) for box in wanted] == found.xyxy.tolist()
    assert found.class_id.tolist() == [5, 6][: len(wanted)]
