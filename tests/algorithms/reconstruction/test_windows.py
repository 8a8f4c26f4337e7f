"""A unit is shown windows only where it computes them as it computes the whole."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the extra torch is not installed")
import torch
from torch import fx, nn
from torch.nn import functional as F

from detquant.algorithms.reconstruction.twin import compute
from detquant.algorithms.reconstruction.units import Unit
from detquant.algorithms.reconstruction.windows import SIDE, Windows, windows_of

pytestmark = pytest.mark.usefixtures("one_thread")
SHAPE = (1, 3, 64, 64)


def found_for(function, shape=SHAPE):
    """The unit of a function of one tensor, what it computes, and how its samples are taken."""
    graph = fx.Graph()
    given = graph.placeholder("x")
    made = graph.call_module("unit", (given,))
    graph.output((made,))
    unit, random = Unit((made,), (given,), (made,), ("a",)), torch.Generator().manual_seed(0)
    functions = {made: function}
    return unit, functions, windows_of(unit, [made], {given: shape}, functions, random)


def conv(gives=4, kernel=3, **more):
    torch.manual_seed(0)
    return nn.Conv2d(3, gives, kernel, **more).requires_grad_(False)


CASES = {
    "pointwise": (conv(kernel=1), 0),
    "3x3": (conv(padding=1), 1),
    "5x5": (conv(kernel=5, padding=2), 2),
    "dilated": (conv(padding=4, dilation=4), 4),
    "strided": (conv(padding=1, stride=2), 1),
    "transposed": (nn.ConvTranspose2d(3, 4, 2, stride=2).requires_grad_(False), 0),
}


@pytest.mark.parametrize(("function", "margin"), CASES.values(), ids=CASES)
def test_the_margin_is_that_of_the_window(function, margin):
    unit, functions, windows = found_for(function)
    assert windows.size is not None and windows.stacked and windows.margin == margin
    whole = torch.randn(SHAPE)
    expected = function(whole)
    random, places = torch.Generator().manual_seed(1), set()
    for _ in range(40):
        place = windows.draw(random)
        places.add(place)
        values = {unit.inputs[0]: whole[windows.part(whole.shape, place)]}
        result = compute(unit.nodes, values, functions)[unit.nodes[0]]
        part = expected[windows.part(expected.shape, place)]
        seen = windows.seen(part, place)
        assert torch.allclose(result * seen, part * seen, atol=1e-4)
        assert float(seen.mean()) * seen.numel() >= (SIDE * expected.shape[2] // windows.size[0]) ** 2
    assert len(places) > 20


WHOLE = {
    "mean over the image": (lambda x: x * x.mean(dim=(2, 3), keepdim=True), SHAPE, True),
    "small": (conv(padding=1), (1, 3, 16, 16), True),
    "valid": (conv(), SHAPE, True),  # 64 are not a whole number of times 62
    "rows": (lambda x: x.flatten(1), SHAPE, True),
    "baked shape": (lambda x: x.reshape(1, -1), SHAPE, False),
    "baked size": (lambda x: F.interpolate(x, size=(128, 128)), SHAPE, True),
    "across images": (lambda x: x - x.mean(dim=0), SHAPE, False),
    "one by one": (lambda x: x[0].sum(dim=0, keepdim=True), SHAPE, False),
}


@pytest.mark.parametrize(("function", "shape", "stacked"), WHOLE.values(), ids=WHOLE)
def test_what_windows_would_not_do_is_shown_whole_images(function, shape, stacked):
    assert found_for(function, shape)[2] == Windows(stacked=stacked)
