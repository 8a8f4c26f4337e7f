from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from parallel import Place, run_side_by_side, shard  # noqa: E402
from unequal import gradients  # noqa: E402


@pytest.mark.parametrize(("processes", "mean"), [(1, "[[1.0, 1.0]]"), (2, "[[1.5, 1.5]]")])
def test_every_process_steps_with_the_mean_gradient(tmp_path: Path, processes: int, mean: str) -> None:
    run_side_by_side(partial(gradients, tmp_path), processes)
    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert written == {f"{rank} of {processes}": mean for rank in range(processes)}


def test_processes_share_no_scene() -> None:
    def make(split: str, index: int, seed: int) -> tuple[str, int, int]:
        return split, index, seed

    seen = [shard(make, Place(rank, 3), 7, "train", index, 99) for rank in range(3) for index in range(4)]
    assert sorted(seen) == [("train", index, 7) for index in range(12)]
