from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detquant.calibration import Collector, Statistics
from detquant.calibration.collect import SAVE_EVERY
from detquant.calibration.statistics import BINS
from detquant.errors import CalibrationError
from detquant.graph.running import OrtRunner, with_taps
from detquant.recipes import load_recipe, plan
from detquant.targets.ort import CAPABILITY

W8A8 = load_recipe("w8a8")
COUNT = 6
BY_CHANNEL = ("x", "silu")


def with_observer(name):
    rule = W8A8.rules[0]
    return replace(W8A8, rules=(replace(rule, activation=replace(rule.activation, observer=name)),))


@pytest.fixture
def collector(small_net):
    """collector(observer, ...): for the small net."""

    def make(observer="minmax", **options):
        points = plan(small_net, with_observer(observer), CAPABILITY)
        return Collector(model=small_net, plan=points, by_channel=BY_CHANNEL, **options)

    return make


@pytest.fixture
def feeds(images):
    table = images(COUNT)
    return lambda positions: (table[k] for k in positions)


def same(a, b):
    assert a.extremes == b.extremes
    assert (a.images, a.histogram_images) == (b.images, b.histogram_images)
    for table in ("channel_sums", "channel_peaks", "histograms"):
        ours, theirs = getattr(a, table), getattr(b, table)
        assert ours.keys() == theirs.keys()
        for name in ours:
            np.testing.assert_array_equal(ours[name], theirs[name])


def test_statistics_are_those_of_the_activations(small_net, collector, feeds, images):
    found = collector().collect(feeds, COUNT)
    names = ["c1", "silu", "relu", "c3", "sum"]
    runner = OrtRunner(with_taps(small_net, names), optimisation="none")
    taps = [feed | runner.run(feed) for feed in images(COUNT)]
    assert set(found.extremes) == {"x", *names} and found.images == COUNT
    for name, extremes in found.extremes.items():
        expected = [(tap[name].min(), tap[name].max()) for tap in taps]
        np.testing.assert_allclose(extremes, expected, rtol=1e-5, atol=1e-6)
    for name in BY_CHANNEL:
        mean = np.mean([tap[name].mean(axis=(0, 2, 3)) for tap in taps], axis=0)
        peak = np.max([tap[name].max(axis=(0, 2, 3)) for tap in taps], axis=0)
        np.testing.assert_allclose(found.channel_means()[name], mean, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(found.channel_peaks[name], peak, rtol=1e-5, atol=1e-6)
    assert not found.histograms and found.histogram_images == 0


def test_histograms_are_those_of_the_activations(small_net, collector, feeds, images):
    found = collector("mse").collect(feeds, COUNT)
    runner = OrtRunner(with_taps(small_net, ["silu"]), optimisation="none")
    values = np.concatenate([runner.run(feed)["silu"].ravel() for feed in images(COUNT)])
    histogram, (low, high) = found.histograms["silu"], found.bounds("silu")
    assert histogram.shape == (BINS,) and histogram.sum() == values.size
    centres = np.linspace(low, high, BINS)
    assert np.dot(histogram, centres) / values.size == pytest.approx(values.mean(), abs=(high - low) / BINS)
    spread = np.sqrt(np.dot(histogram, np.square(centres)) / values.size - np.square(values.mean()))
    assert spread == pytest.approx(values.std(), rel=0.01)
    assert "x" not in found.histograms  # an image's range is known exactly


def test_histograms_take_images_evenly_spread(collector, feeds):
    asked = []

    def watched(positions):
        asked.append(list(positions))
        return feeds(positions)

    found = collector("mse", histogram_images=3).collect(watched, COUNT)
    assert asked == [list(range(COUNT)), [0, 2, 4]] and found.histogram_images == 3


def test_histograms_take_the_images_that_tell(collector, feeds):
    asked, shown = [], iter([0.0, 3.0, 0.0, 2.0, 0.0, 0.0])

    def watched(positions):
        asked.append(list(positions))
        return feeds(positions)

    found = collector("tails", histogram_images=2, informativeness=lambda outputs: next(shown)).collect(watched, COUNT)
    assert asked == [list(range(COUNT)), [1, 3]]
    assert found.informativeness == (0.0, 3.0, 0.0, 2.0, 0.0, 0.0) and found.histogram_images == 2


def test_interest_is_told_from_what_the_model_gives(small_net, collector, feeds, images):
    def informativeness(outputs):
        [scores] = outputs.values()  # of the model's own outputs, and of nothing else
        return float(scores.sum())

    found = collector("minmax", informativeness=informativeness).collect(feeds, COUNT)
    plain, runner = collector("minmax").collect(feeds, COUNT), OrtRunner(small_net)
    assert found.informativeness == pytest.approx([float(runner.run(feed)["scores"].sum()) for feed in images(COUNT)])
    same(replace(found, informativeness=()), plain)


def test_a_store_without_interest_is_ignored_where_it_is_wanted(collector, feeds, tmp_path):
    store = tmp_path / "statistics.npz"
    collector(store=store).collect(feeds, COUNT)
    found = collector(store=store, informativeness=lambda outputs: 1.0).collect(feeds, COUNT)
    assert found.informativeness == (1.0,) * COUNT and len(found.extremes["x"]) == COUNT
    assert Statistics.load(store).informativeness == found.informativeness


@pytest.mark.parametrize("fails_at", [0, 1, 4, COUNT + 1, COUNT + 3])
def test_an_interrupted_run_goes_on(collector, feeds, tmp_path, fails_at):
    store, given = tmp_path / "cache" / "statistics.npz", []

    def breaking(positions):
        for position, feed in zip(positions, feeds(positions), strict=True):
            if len(given) == fails_at:
                raise OSError("the disk is gone")
            given.append(position)
            yield feed

    with pytest.raises(OSError, match="the disk is gone"):
        collector("mse", store=store).collect(breaking, COUNT)
    assert store.exists() == (fails_at > 0)

    def rest(positions):
        given.extend(positions)
        return feeds(positions)

    resumed = collector("mse", store=store).collect(rest, COUNT)
    same(resumed, collector("mse").collect(feeds, COUNT))
    assert given == [*range(COUNT), *range(COUNT)]  # each image once in each pass
    assert [path.name for path in store.parent.iterdir()] == ["statistics.npz"]
    same(Statistics.load(store), resumed)


def test_a_finished_run_reads_no_image_again(collector, feeds, tmp_path):
    store = tmp_path / "statistics.npz"
    first = collector(store=store).collect(feeds, COUNT)

    def none(positions):
        raise AssertionError("no image is needed")

    same(collector(store=store).collect(none, COUNT), first)


def test_a_corrupt_store_is_ignored(collector, feeds, tmp_path):
    store = tmp_path / "statistics.npz"
    first = collector(store=store).collect(feeds, COUNT)
    store.write_bytes(store.read_bytes()[:300])
    same(collector(store=store).collect(feeds, COUNT), first)


def test_a_store_of_other_tensors_is_ignored(small_net, collector, feeds, tmp_path):
    store = tmp_path / "statistics.npz"
    collector(store=store).collect(feeds, COUNT)
    more = plan(small_net, replace(W8A8, head="int"), CAPABILITY)
    found = Collector(model=small_net, plan=more, store=store).collect(feeds, COUNT)
    assert "logits" in found.extremes and len(found.extremes["x"]) == COUNT


def test_a_long_run_is_saved_on_the_way(collector, images, tmp_path):
    store, table, seen = tmp_path / "statistics.npz", images(SAVE_EVERY + 4), []

    def watched(positions):
        for k in positions:
            seen.append(store.exists())
            yield table[k]

    collector(store=store).collect(watched, len(table))
    assert not any(seen[:SAVE_EVERY])
    assert seen[-1]  # a few images are under way when the first are written


def test_progress_is_told(collector, feeds):
    told = []
    collector("mse", histogram_images=2, progress=lambda *it: told.append(it)).collect(feeds, COUNT)
    expected = [("calibrating", k + 1, COUNT) for k in range(COUNT)]
    assert told == [*expected, ("histograms", 1, 2), ("histograms", 2, 2)]


def test_no_images(collector, feeds):
    with pytest.raises(CalibrationError, match="no images"):
        collector().collect(feeds, 0)


@pytest.mark.parametrize("position", [(0, 0, 0), (2, 9, 5), (1, 15, 15)])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_image_that_is_not_finite(collector, images, tmp_path, position, value):
    table, store = images(COUNT), tmp_path / "statistics.npz"
    table[2]["x"][0][position] = value
    with pytest.raises(CalibrationError, match=r"Activation '.*' is not finite on calibration image 3"):
        collector(store=store).collect(lambda positions: (table[k] for k in positions), COUNT)
    kept = Statistics.load(store)
    assert kept.images == 2 and {len(rows) for rows in kept.extremes.values()} == {2}


@pytest.mark.parametrize("where", range(0, 256, 51))
def test_a_single_nan_inside_the_net_is_found(build, where):
    """ONNX Runtime's minimum and maximum step over a NaN."""
    from detquant.graph import prepare

    net = prepare(
        build(
            [
                ("Log", ["x"], ["l"], {"name": "log"}),
                ("Conv", ["l", "w"], ["c"], {"name": "conv"}),
                ("Conv", ["c", "w"], ["y"], {"name": "head"}),
            ],
            {"x": [1, 1, 16, 16]},
            {"y": None},
            {"w": np.ones((1, 1, 1, 1), np.float32)},
        )
    )
    image = np.ones((1, 1, 16, 16), np.float32)
    image.ravel()[where] = -1.0  # its logarithm is no number
    collector = Collector(model=net, plan=plan(net, W8A8, CAPABILITY))
    with pytest.raises(CalibrationError, match="not finite on calibration image 1"):
        collector.collect(lambda positions: ({"x": image} for _ in positions), 1)


MEMORY = """
import resource, sys
from pathlib import Path
import numpy as np, onnx_ir as ir
from detquant.calibration import Collector
from detquant.recipes import load_recipe, plan
from detquant.targets.ort import CAPABILITY

def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20

model = ir.load(sys.argv[1])
points = plan(model, load_recipe("w8a8"), CAPABILITY)
collector = Collector(model=model, plan=points, by_channel=("x", "silu"))

def feeds(positions):
    for k in positions:
        yield {"x": np.random.default_rng(k).random((1, 3, 16, 16), np.float32)}

collector.collect(feeds, 32)
before = resident_mb()
collector.collect(feeds, 512)
print(resident_mb() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read from /proc")
def test_memory_does_not_grow_with_the_images(small_net, tmp_path):
    """All activations of 480 images more would be 24 MB."""
    import onnx_ir as ir

    ir.save(small_net, tmp_path / "net.onnx")
    command = [sys.executable, "-c", MEMORY, str(tmp_path / "net.onnx")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 4.0


def test_calibration_ends_when_the_ranges_have_converged(collector, images):
    table = images(64)
    asked, told = [], []

    def feeds(positions):
        asked.append(list(positions))
        return (table[k] for k in positions)

    options = {"threads": 2, "progress": lambda *it: told.append(it)}
    every = collector("mean", **options).collect(feeds, len(table))
    assert every.images == 64
    some = collector("mean", range_tolerance=0.02, **options).collect(feeds, len(table))
    assert 16 <= some.images < 64 and some.images % 8 == 0 and told[-1] == ("calibrating", some.images, some.images)
    for name, extremes in some.extremes.items():
        assert extremes == every.extremes[name][: some.images]
        difference = np.abs(np.mean(extremes, axis=0) - np.mean(every.extremes[name], axis=0)).max()
        assert difference < 0.1 * np.ptp(np.mean(every.extremes[name], axis=0))


def test_what_has_converged_is_not_looked_at_again(collector, images, tmp_path):
    table, store = images(64), tmp_path / "statistics.npz"
    first = collector("mean", range_tolerance=0.02, store=store).collect(
        lambda which: (table[k] for k in which), len(table)
    )

    def broken(positions):
        raise AssertionError("an image was asked for")

    same(collector("mean", range_tolerance=0.02, store=store).collect(broken, len(table)), first)


@pytest.mark.parametrize("observer", ["mse", "percentile", "moving_average"])
def test_who_needs_all_images_gets_them(collector, images, observer):
    table = images(32)
    found = collector(observer, range_tolerance=0.5).collect(lambda which: (table[k] for k in which), len(table))
    assert found.images == 32


def test_where_all_grids_are_known_beforehand_there_is_nothing_to_look_at(small_net, feeds):
    known = replace(plan(small_net, W8A8, CAPABILITY), points={}, sources={})
    found = Collector(model=small_net, plan=known).collect(feeds, COUNT)
    assert (found.images, found.extremes) == (COUNT, {})
