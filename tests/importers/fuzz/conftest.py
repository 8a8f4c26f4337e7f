"""What the property tests of files share; how many examples they draw stands in the conftest of all tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from unittest import mock

import pytest

from detquant.architectures import load_architecture
from detquant.errors import ModelError
from detquant.importers import state_dicts, ultralytics
from detquant.importers.checkpoint.network import Network, Tensors, fit

sys.path.append(str(Path(__file__).parent))  # the tests share strategies and bounds
sys.path.append(str(Path(__file__).parent.parent / "darknet"))  # and Darknet's nets
sys.path.append(str(Path(__file__).parent.parent / "tensorflow"))  # and the writer of TensorFlow's graphs
sys.path.append(str(Path(__file__).parents[2] / "data" / "fuzz"))  # and the trees of the data sets


@pytest.fixture
def no_export() -> Iterator[None]:
    """What is told is compared with its network, but not exported, which takes seconds."""

    if find_spec("torch"):  # it loads libraries, which is not a file's doing
        import torch

        with torch.device("meta"):
            load_architecture("yolov8")()

    def refuse(path: Path, _: bytes, network: Network, tensors: Tensors, *__: object) -> bytes:
        if find_spec("torch"):
            fit(path, network, tensors)
        raise ModelError(f"'{path}' has been read.")

    with mock.patch.object(state_dicts, "export", refuse), mock.patch.object(ultralytics, "export", refuse):
        yield
