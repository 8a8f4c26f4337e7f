"""Programs of torch.export to read, and what they are once somebody has changed them."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

Edit = Callable[[dict[str, Any]], None]


class Small(nn.Module):
    """A convolution, a list of parts, and a change in place."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.conv, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.act = nn.SiLU(inplace=True)
        self.register_buffer("shift", torch.arange(4.0).reshape(1, 4, 1, 1), persistent=False)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        first, second = self.act(self.norm(self.conv(image))).split(2, 1)
        return torch.cat([first * 2, second], 1) + self.shift, first.flatten(1).softmax(1)


def saved(module: nn.Module, example: tuple[torch.Tensor, ...], **options: Any) -> bytes:
    """The file of a module."""
    extra = options.pop("extra_files", None)
    packed = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, of its own ageing
        torch.export.save(torch.export.export(module, example, **options), packed, extra_files=extra)
    return packed.getvalue()


def small() -> bytes:
    """The file of `Small`."""
    return saved(Small().eval(), (torch.zeros(1, 3, 8, 8),))


def repacked(content: bytes, change: Callable[[str, bytes], Mapping[str, bytes]]) -> bytes:
    """The file with each entry replaced by what a function makes of it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(packed, "w") as new:
        for entry in old.infolist():
            for name, data in change(entry.filename, old.read(entry)).items():
                new.writestr(name, data)
    return packed.getvalue()


def edited(content: bytes, edit: Edit, entry: str = "models/model.json") -> bytes:
    """The file with one of its JSON texts changed."""

    def change(name: str, data: bytes) -> Mapping[str, bytes]:
        if not name.endswith(entry):
            return {name: data}
        tree = json.loads(data)
        edit(tree)
        return {name: json.dumps(tree).encode()}

    return repacked(content, change)


def nodes(tree: dict[str, Any]) -> list[dict[str, Any]]:
    """Of a program."""
    return tree["graph_module"]["graph"]["nodes"]  # type: ignore[no-any-return]
