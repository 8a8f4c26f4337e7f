"""Data-parallel training in processes of one thread each.

On a CPU this scales where threads inside small convolutions do not, and it loses little when others use the machine.
Every process has scenes of its own and the same weights: they begin equal, and each step is taken with the mean of all
gradients. BatchNorm's running figures are those of the first process.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import nn


class Place(NamedTuple):
    """Which of the processes this is."""

    rank: int = 0
    of: int = 1


def shard(make: Callable[[str, int, int], Any], place: Place, seed: int, split: str, index: int, _: int) -> Any:
    """The scenes of one process: every ``place.of``-th, always of ``seed``."""
    return make(split, index * place.of + place.rank, seed)


def mean_gradients(model: nn.Module) -> None:
    """Replaces each gradient by its mean over the processes; nothing where there is only one."""
    if not dist.is_initialized():
        return
    found = [p.grad for p in model.parameters() if p.grad is not None]
    flat = torch.cat([gradient.reshape(-1) for gradient in found])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for gradient, part in zip(found, flat.split([gradient.numel() for gradient in found]), strict=True):
        gradient.copy_(part.view_as(gradient))


def run_side_by_side(work: Callable[[Place], None], processes: int) -> None:
    """Runs ``work`` in this process as the first and in others beside it.

    Args:
        work: picklable.
        processes: how many in all.
    """
    if processes == 1:
        return work(Place())
    with tempfile.TemporaryDirectory() as folder:
        meeting = (Path(folder, "meeting").as_uri(), processes)
        others = torch.multiprocessing.start_processes(
            _start, args=(work, *meeting, 1), nprocs=processes - 1, join=False, start_method="spawn"
        )
        _start(0, work, *meeting, 0)
        others.join()


def _start(number: int, work: Callable[[Place], None], meeting: str, processes: int, first: int) -> None:
    place = Place(first + number, processes)
    dist.init_process_group("gloo", init_method=meeting, rank=place.rank, world_size=place.of)
    try:
        work(place)
    finally:
        dist.destroy_process_group()
