"""Weights as an .npz file: arrays by the names of the state dict, and no code.

A file of torch's own is a pickle, which can run code when it is opened; numpy reads this one with pickles refused,
and so without torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from detquant.errors import ModelError


def save_weights(module: Any, path: Path) -> None:
    """Writes the state dict of a module, buffers too; the same weights give the same bytes."""
    np.savez(path, **{name: tensor.detach().numpy() for name, tensor in module.state_dict().items()})


def load_weights(module: Any, path: Path) -> None:
    """Reads what `save_weights` wrote into a module.

    Raises:
        ModelError: the file cannot be read, or is of another architecture.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            state = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(f"'{path}' cannot be read: expected an .npz file of weights.") from error
    try:
        module.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise ModelError(
            f"'{path}' holds the weights of another network: {str(error).splitlines()[1].strip()} "
            "Give the scale and the number of classes that it was trained with."
        ) from error
