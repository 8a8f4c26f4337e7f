from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from detquant.architectures import SEEDED  # noqa: E402
from detquant.architectures.seeded import KINDS, noise, seeded_checkpoint, seeded_network  # noqa: E402
from detquant.errors import ModelError  # noqa: E402


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setitem(SEEDED, "resnet-18", ("resnet-torchvision", {"blocks": (1, 1, 1, 1), "classes": 50}))


def pictures(count: int) -> torch.Tensor:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(1)
        return noise(count, 96)


def test_the_same_seed_gives_the_same_file_and_leaves_torchs_own_numbers_alone():
    torch.manual_seed(7)
    wanted = torch.rand(3)
    torch.manual_seed(7)
    file = seeded_checkpoint("resnet-18")
    assert torch.equal(torch.rand(3), wanted)
    assert seeded_checkpoint("resnet-18") == file != seeded_checkpoint("resnet-18", seed=1)


def test_it_tells_other_images_apart_as_a_trained_network_does():
    network = seeded_network("resnet-18")
    with torch.no_grad():
        logits = network(pictures(24))
    assert not network.training
    assert len(set(logits.argmax(1).tolist())) >= 8, "weights as they are drawn give all images one answer"
    assert 0.7 < logits.std(0).mean() < 8


def test_norms_have_statistics_and_gains_of_their_own():
    state = seeded_network("resnet-18").state_dict()
    variances = torch.cat([tensor for name, tensor in state.items() if name.endswith("running_var")])
    gains = state["bn1.weight"]
    assert variances.std() > 0.1 and gains.std() > 0.1


@pytest.mark.slow
def test_an_ssd_takes_most_boxes_for_background_and_some_for_a_class():
    network = seeded_network("ssd300")
    torch.manual_seed(1)
    with torch.no_grad():
        codes, logits = network(noise(1, 300))
    best = logits.softmax(1)[:, 1:].amax(1)
    assert 0.005 < (best > 0.5).float().mean() < 0.2
    assert codes.std() < 1


def test_every_seeded_network_is_of_a_kind():
    assert {architecture for architecture, _ in SEEDED.values()} <= set(KINDS)


def test_another_name_is_refused():
    with pytest.raises(ModelError, match="Unknown seeded network 'resnet18': did you mean 'resnet-18'"):
        seeded_network("resnet18")
