from __future__ import annotations

import importlib

import pytest

from detquant.architectures import ARCHITECTURES, load_architecture
from detquant.errors import MissingExtra, ModelError


def test_an_unknown_architecture_is_refused() -> None:
    with pytest.raises(ModelError, match="did you mean 'yolov8'"):
        load_architecture("yolov9")


def test_missing_torch_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detquant.architectures.find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"detquant\[torch\]"):
        load_architecture("yolov8")


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_loads(name: str) -> None:
    torch = pytest.importorskip("torch")
    assert issubclass(load_architecture(name), torch.nn.Module)
    assert importlib.import_module(load_architecture(name).__module__)
