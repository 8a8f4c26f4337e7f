"""Grids of a file matched with the observers of a user's own model: by what they see on an image, in float.

Names of observers are of one torch's making: `prepare_qat` hangs them on modules, `prepare_qat_fx` numbers them. But an
observer and a grid that are meant for the same tensor see the same numbers where both networks compute in float from
the same weights, whatever they are called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

TOLERANCE = 1e-4
"""Share of a tensor's largest number by which float may differ: sums come in another order."""
ENABLED, OBSERVING = "fake_quant_enabled", "observer_enabled"


def is_fake_quantizer(module: Any) -> bool:
    """Whether a module of the user's rounds to a grid as torch's `FakeQuantizeBase` does, whosever it is."""
    return all(isinstance(getattr(module, name, None), torch.Tensor) for name in ("scale", "zero_point", ENABLED))


def activation_quantizers(prepared: Any) -> dict[str, Any]:
    """The modules of a prepared model that round activations, each once, by their names."""
    return {
        name: module
        for name, module in prepared.named_modules()
        if is_fake_quantizer(module) and name.rpartition(".")[2] != "weight_fake_quant"
    }


def layers_of(prepared: Any) -> dict[str, Any]:
    """The layers of a prepared model whose weights are rounded, by their names."""
    return {
        name: module
        for name, module in prepared.named_modules()
        if is_fake_quantizer(getattr(module, "weight_fake_quant", None))
    }


def switch(modules: Iterable[Any], name: str, on: bool) -> None:
    """Switches rounding or observing on or off in modules, as far as they have it."""
    for module in modules:
        flag = getattr(module, name, None)
        if isinstance(flag, torch.Tensor):
            flag.fill_(int(on))


def same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors hold the same numbers, but for the order of sums; shapes may differ."""
    if one.numel() != other.numel() or not one.numel():
        return False
    apart = (one.reshape(-1) - other.reshape(-1)).abs().max()
    return bool(apart <= TOLERANCE * other.abs().max() + 1e-9)


@contextmanager
def seen_by(modules: Mapping[str, Any]) -> Iterator[dict[str, torch.Tensor]]:
    """Within it, what each module is given first is noted, by the module's name and in the order of the calls."""
    seen: dict[str, torch.Tensor] = {}

    def noted(name: str) -> Callable[..., None]:
        def note(module: Any, given: tuple[Any, ...]) -> None:
            seen.setdefault(name, given[0].detach().clone())

        return note

    hooks = [module.register_forward_pre_hook(noted(name)) for name, module in modules.items()]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def matched(theirs: Mapping[str, torch.Tensor], ours: Mapping[str, torch.Tensor]) -> dict[str, str]:
    """The grid that each observer stands for, by the observer's name, where there is one.

    Args:
        theirs: what each observer saw.
        ours: what each grid saw.
    """
    found: dict[str, str] = {}
    for name, tensor in theirs.items():
        grid = next((one for one, other in ours.items() if same(tensor, other)), None)
        if grid is not None:
            found[name] = grid
    return found
