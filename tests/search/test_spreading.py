"""Who does the work, and whether he lives to end it, changes nothing."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from detquant.errors import ModelError, WorkerError
from detquant.search import spreading
from detquant.search.processes import Processes
from detquant.search.spreading import results_of

PARTS = list(range(12))


def cubed(shared: int, part: int) -> int:
    return shared * part**3


def dies_once(folder: str, part: int) -> int:
    """The process that does part 5 is killed in the middle of it, the first time."""
    mark = Path(folder, "died")
    if part == 5 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return part


def always_dies(shared: int, part: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return part


def fails(shared: int, part: int) -> int:
    raise ModelError(f"part {part} cannot be done.")


def in_order(executor, function=cubed, shared=2):
    found = dict(results_of(executor, function, shared, PARTS))
    assert len(found) == len(PARTS)
    return [found[place] for place in range(len(PARTS))]


def test_here_threads_and_processes_agree():
    expected = [2 * part**3 for part in PARTS]
    assert in_order(None) == expected
    with ThreadPoolExecutor(3) as threads:
        assert in_order(threads) == expected
    with Processes(2) as processes:
        assert in_order(processes) == expected


def test_a_killed_process_loses_nothing(tmp_path):
    with Processes(2) as processes:
        assert in_order(processes, dies_once, str(tmp_path)) == PARTS
    assert (tmp_path / "died").exists()


def test_nor_does_one_of_a_pool_that_the_caller_gave(tmp_path):
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert in_order(pool, dies_once, str(tmp_path)) == PARTS
    assert (tmp_path / "died").exists()


def test_processes_that_always_die_are_given_up_with_a_sentence(monkeypatch):
    monkeypatch.setattr(spreading, "LOSSES", 1)
    with Processes(1) as processes, pytest.raises(WorkerError, match=r"Workers ended 2 times .*--jobs 1"):
        in_order(processes, always_dies)


def slow(shared: int, part: int) -> int:
    time.sleep(0.5)
    return fails(shared, part) if part == 0 else part


def test_after_an_error_nobody_waits_for_what_was_not_begun():
    with Processes(1) as processes:
        assert in_order(processes) == [2 * part**3 for part in PARTS]  # started
        begun = time.monotonic()
        with pytest.raises(ModelError):
            dict(results_of(processes, slow, 0, list(range(40))))
        processes.shutdown()
    assert time.monotonic() - begun < 15


def test_an_error_of_the_work_itself_is_no_loss():
    with Processes(1) as processes, pytest.raises(ModelError, match="cannot be done"):
        in_order(processes, fails)
    with pytest.raises(ModelError, match="part 0"):
        in_order(None, fails)


def test_what_is_shared_is_read_once_and_its_file_ends_with_the_processes():
    with Processes(1) as processes:
        token = processes.share([1, 2])
        assert Path(token.path).exists() and token.opened() is token.opened()
    assert not Path(token.path).exists()
