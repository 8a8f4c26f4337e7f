"""A Dask cluster does the same work, to the last bit, and a worker that is killed in the middle loses nothing."""

from __future__ import annotations

import os
import signal
import warnings
from importlib.util import find_spec
from pathlib import Path

import pytest

from detquant.errors import MissingExtra, ModelError, WorkerError
from detquant.search import cluster as module
from detquant.search.cluster import Cluster
from detquant.search.measures import HeadDamage
from detquant.search.sensitivity import sensitivity
from detquant.search.spreading import results_of

DASK = pytest.mark.skipif(not find_spec("distributed"), reason="needs Dask: pip install 'detquant[cluster]'")
PARTS = list(range(8))


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    """The address of a scheduler with two workers, each a process with a nurse that replaces it."""
    distributed = pytest.importorskip("distributed", reason="needs Dask: pip install 'detquant[cluster]'")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Dask says of the machine is not about us
        running = distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            silence_logs=50,
            local_directory=str(tmp_path_factory.mktemp("dask")),
        )
        yield running.scheduler_address
        running.close()


def cubed(shared: list[int], part: int) -> int:
    return shared[0] * part**3


def dies_once(folder: str, part: int) -> int:
    mark = Path(folder, "died")
    if part == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return part


def fails(shared: int, part: int) -> int:
    raise ModelError(f"part {part} cannot be done.")


@DASK
def test_work_is_done_and_errors_of_it_are_its_own(scheduler):
    with Cluster(scheduler) as cluster:
        assert dict(results_of(cluster, cubed, [2], PARTS)) == {part: 2 * part**3 for part in PARTS}
        with pytest.raises(ModelError, match="cannot be done"):
            dict(results_of(cluster, fails, 0, PARTS))


@DASK
def test_a_killed_worker_loses_nothing(scheduler, tmp_path):
    with Cluster(scheduler) as cluster:
        assert dict(results_of(cluster, dies_once, str(tmp_path), PARTS)) == dict(zip(PARTS, PARTS, strict=True))
    assert (tmp_path / "died").exists()


@DASK
@pytest.mark.slow
def test_the_same_losses_to_the_last_bit(scheduler, job, begun):
    measure, facts = HeadDamage(begun.context.damage.limited(1)), job.target.capability
    here = sensitivity(begun.model, facts, measure, widths=(3,), activations=())
    with Cluster(scheduler) as cluster:
        assert sensitivity(begun.model, facts, measure, widths=(3,), activations=(), executor=cluster) == here


@DASK
def test_an_executor_of_dask_itself_will_do(scheduler):
    import distributed

    with distributed.Client(scheduler, set_as_default=False) as client:
        assert dict(results_of(client.get_executor(), cubed, [3], PARTS)) == {part: 3 * part**3 for part in PARTS}


@DASK
@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense://x", "127.0.0.1"])
def test_no_scheduler_is_a_sentence(address, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 1)
    with pytest.raises(WorkerError, match=r"dask scheduler .* dask worker"):
        Cluster(address)


@DASK
def test_workers_of_another_version_are_refused(scheduler, monkeypatch):
    monkeypatch.setattr(module, "__version__", "9.9")
    with pytest.raises(WorkerError, match=r"and this is 9\.9: install the same version"):
        Cluster(scheduler)


def test_without_dask_its_extra_is_named(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"detquant\[cluster\]"):
        Cluster("tcp://127.0.0.1:8786")
