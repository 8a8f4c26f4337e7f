"""YOLOv8's head is found however its numbers are laid out, and no other head is taken for one."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra torch is not installed")

from detquant.algorithms.finetune.detection.head import find_head  # noqa: E402
from detquant.algorithms.finetune.labels import Boxes, BoxLoss  # noqa: E402
from detquant.algorithms.finetune.network import Reader  # noqa: E402

CENTRES = np.array([[4, 4], [12, 4], [4, 12], [12, 12], [8.5, 7.25]], np.float32)
STRIDES = np.array([8, 8, 8, 8, 24], np.float32)
CLASSES, BINS = 3, 7
HEADS = SimpleNamespace(scores=lambda outputs: outputs["scores"], boxes=lambda outputs: outputs["boxes"])


def example(seed, order=(0, 1, 2, 3)):
    """Logits [cells, classes], bins [cells, 4, bins], and what a float model makes of them."""
    random = np.random.default_rng(seed)
    logits, bins = (random.normal(size=(5, *shape)).astype(np.float32) for shape in ((CLASSES,), (4, BINS)))
    shares = np.exp(bins) / np.exp(bins).sum(-1, keepdims=True)
    distances = (shares @ np.arange(BINS, dtype=np.float32))[:, order] * STRIDES[:, None]
    boxes = np.concatenate([CENTRES - distances[:, :2], CENTRES + distances[:, 2:]], 1)
    return logits, bins, {"scores": 1 / (1 + np.exp(-logits)), "boxes": boxes}


LAYOUTS = {
    "[classes, cells], [bins, 4, cells]": (lambda x: x.T, lambda x: x.transpose(2, 1, 0), 1),
    "[cells, classes], [cells, 4, bins]": (lambda x: x, lambda x: x, -1),
    "[classes, cells], [4 cells, bins]": (lambda x: x.T, lambda x: x.transpose(1, 0, 2).reshape(-1, BINS), 2),
    "[cells, classes], [4 cells by cell, bins]": (lambda x: x, lambda x: x.reshape(-1, BINS), 2),
}


def network(examples, layout, kinds=("Sigmoid", "Softmax")):
    """A network that gives these numbers for images that are called 0, 1 and so on."""
    of_logits, of_bins, axis = LAYOUTS[layout]
    tails = [
        {"scores": torch.tensor(of_logits(logits).copy())[None], "bins": torch.tensor(of_bins(bins).copy())[None]}
        for logits, bins, _ in examples
    ]
    readers = [Reader("scores", kinds[0]), Reader("bins", kinds[1], axis)]
    return SimpleNamespace(readers=readers, exact=lambda image: ({}, [tails[image]])), tails


@pytest.mark.parametrize("layout", LAYOUTS)
def test_centres_and_strides_are_found_in_every_layout(layout):
    examples = [example(seed) for seed in (0, 1)]
    net, tails = network(examples, layout)
    head = find_head(net, HEADS, [(k, outputs) for k, (_, _, outputs) in enumerate(examples)])
    assert (head.centres * head.strides).numpy() == pytest.approx(CENTRES, abs=1e-5)
    assert head.strides[:, 0].tolist() == STRIDES.tolist()
    said = head.predictions(tails)
    assert said.logits.numpy() == pytest.approx(np.stack([logits for logits, _, _ in examples]))
    assert said.bins.numpy() == pytest.approx(np.stack([bins for _, bins, _ in examples]))


@pytest.mark.parametrize("other", ["order of the sides", "kinds", "scores"])
def test_a_head_of_another_form_is_none(other):
    examples = [example(seed, (1, 0, 2, 3) if other == "order of the sides" else (0, 1, 2, 3)) for seed in (0, 1)]
    kinds = ("Sigmoid", "Sigmoid") if other == "kinds" else ("Sigmoid", "Softmax")
    if other == "scores":
        examples = [(logits + 1, bins, outputs) for logits, bins, outputs in examples]
    net, _ = network(examples, next(iter(LAYOUTS)), kinds)
    assert find_head(net, HEADS, [(k, outputs) for k, (_, _, outputs) in enumerate(examples)]) is None


def test_images_that_nobody_has_labelled_add_nothing():
    examples = [example(seed) for seed in (0, 1)]
    net, tails = network(examples, next(iter(LAYOUTS)))
    loss = BoxLoss(find_head(net, HEADS, [(k, outputs) for k, (_, _, outputs) in enumerate(examples)]))
    label = Boxes(torch.tensor([[0.0, 0, 16, 16]]), torch.tensor([1]))
    assert loss({}, tails, [label, None]).item() == pytest.approx(loss({}, tails[:1], [label]).item())
    assert loss({}, tails, [None, None]).item() == 0.0
