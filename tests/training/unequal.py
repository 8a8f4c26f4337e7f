"""Work for processes side by side; a module of its own, since each of them imports it."""

from __future__ import annotations

from pathlib import Path

import torch
from parallel import Place, mean_gradients


def gradients(folder: Path, place: Place) -> None:
    """Every process has a gradient of its own; each writes the mean it ends with."""
    model = torch.nn.Linear(2, 1, bias=False)
    (model.weight.sum() * (place.rank + 1)).backward()
    mean_gradients(model)
    (folder / f"{place.rank} of {place.of}").write_text(str(model.weight.grad.tolist()))
