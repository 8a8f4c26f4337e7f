"""Views: within what the images' own numbers are, of their shape, the same for the same seed."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the extra torch is not installed")
import torch

from detquant.algorithms.finetune.views import Views

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
        view = views.view(pictures[seed % 3], seeded(seed))
        assert view.shape == (1, 3, 12, 20) and bool(torch.isfinite(view).all())
        assert bool((view.amin((0, 2, 3)) >= low).all()) and bool((view.amax((0, 2, 3)) <= high).all())


def test_the_same_seed_draws_the_same_view_and_others_draw_others(pictures):
    views = Views.of(pictures)
    drawn = [views.view(pictures[0], seeded(seed)) for seed in (0, 0, 1, 2)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2]) and not torch.equal(drawn[2], drawn[3])


def test_what_is_no_picture_has_no_views():
    for data in (torch.rand(1, 16), torch.rand(1, 7, 4, 4)):
        assert Views.of([data]).view(data, seeded(0)) is data
