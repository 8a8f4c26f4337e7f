"""One row of `lowbit.py`: quantised, and measured beside the float file; for a process of its own."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import onnx_ir as ir
from aimet import NAME, adaround, aimet_python
from contenders import Work
from generality import NETS, Net
from lowbit_rows import AIMET, DROP, FILE, FOUR_BITS, LATENCY, MINUTES, PEAK, PLAIN, Case

from detquant.data import Dataset, iter_images
from detquant.errors import ModelError, unknown_name
from detquant.graph.traits import weight_of
from detquant.graph.values import constant
from detquant.numerics import QuantSpec
from detquant.pipeline.compare import compare
from detquant.pipeline.detector import Detector, load
from detquant.pipeline.entries import own_file
from detquant.pipeline.inspection import plan
from detquant.pipeline.prepared import prepared
from detquant.pipeline.quantize import QUANTIZED, quantize
from detquant.recipes import Recipe, load_recipe
from detquant.recipes.rule import Wish
from detquant.report.report import Report
from detquant.targets import Artefact, load_target
from detquant.targets.latency import compare_latency, stopwatch

EIGHT = "w8a8"
"""The recipe of the files that sizes and latencies are compared with."""
NAMES = "names.json"
FLOAT_BITS, RUNS, FEW = 32, 30, 8
"""Bits of a float weight; timed runs of each; images that the 8-bit files are shown, for a report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all rows share.

    Attributes:
        calib: number of calibration images.
        limit: number of validation images, or None for all.
        iterations: steps of each layer by AIMET.
        work: folder of the 8-bit files that rows are compared with.
    """

    calib: int
    limit: int | None
    iterations: int
    work: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A row as it was measured.

    Attributes:
        measure: name of the measure.
        images: how many were measured.
        before: the float file's, per cent.
        after: that of what was made.
        shares: share of the weights by their bits, per cent; 32 are those in float.
        size_bytes: size of the files.
        zipped_bytes: size of a zip archive of them.
        file: size to that of the 8-bit files.
        latency: latency to theirs, taking turns; None where the runtime may not have kernels for it.
        seconds: what quantising took.
        peak_mb: peak memory until then.
    """

    measure: str
    images: int
    before: float
    after: float
    shares: Mapping[int, float]
    size_bytes: int
    zipped_bytes: int
    file: float
    latency: float | None
    seconds: float
    peak_mb: float

    @property
    def values(self) -> dict[str, float | None]:
        """What there are bars for."""
        return {
            DROP: self.before - self.after,
            FOUR_BITS: self.shares.get(4, 0.0),
            FILE: self.file,
            LATENCY: self.latency,
            MINUTES: self.seconds / 60,
            PEAK: self.peak_mb / 1e3,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a quantiser has made.

    Attributes:
        artefact: the files.
        report: with the float row first, and a row of what was made.
        row: name of that row.
        shares: see `Found`.
        seconds: see `Found`.
        peak_mb: see `Found`.
    """

    artefact: Artefact
    report: Report
    row: str
    shares: Mapping[int, float]
    seconds: float
    peak_mb: float


def measured(case: Case, setting: Setting) -> Found:
    """A row; the 8-bit files are there already, see `eight_bits`.

    Raises:
        DetquantError: it cannot be had.
    """
    with tempfile.TemporaryDirectory() as folder:
        net = net_of(case.model)
        dataset = net.data(Path(folder))
        detector = load(net.unpacked(Path(folder)), imgsz=net.imgsz, preprocess=net.preprocess)
        made = (by_aimet if case.by == AIMET else by_detquant)(case, setting, detector, dataset)
        measure, row = made.report.measure, made.report.row(made.row)
        before, after = (one.value(measure) or 0.0 for one in (made.report.reference, row))
        eight = read_files(setting.work / folder_of(case))
        return Found(
            measure=measure,
            images=made.report.images,
            before=before,
            after=after,
            shares=made.shares,
            size_bytes=made.artefact.size_bytes,
            zipped_bytes=made.artefact.zipped_bytes(),
            file=made.artefact.size_bytes / eight.size_bytes,
            latency=None if case.by == AIMET else latency_to(made.artefact, eight, case.target, detector, dataset),
            seconds=made.seconds,
            peak_mb=made.peak_mb,
        )


def by_detquant(case: Case, setting: Setting, detector: Detector, dataset: Dataset) -> Made:
    """By the recipe, or by its widths alone."""
    recipe = load_recipe(case.recipe)
    wish = plain(recipe) if case.by == PLAIN else recipe
    common = {"target": case.target, "calib": case.calib or setting.calib, "val_limit": setting.limit}
    work = partial(quantize, detector, dataset, recipe=wish, **common, **case.options)
    result, whole = stopwatch(work)
    row = result.report.row(QUANTIZED)
    if row.quantization is None or result.model is None:
        raise ModelError(f"{case.key}: nothing is told of how it was quantised.")
    took = row.quantization.calibration
    bits = {name: grid.qtype.bits for name, grid in result.model.weights.items()}
    return Made(
        artefact=result.artefact,
        report=result.report,
        row=QUANTIZED,
        shares=shares(result.model.model, bits),
        seconds=whole if case.options else took.seconds,  # a search measures as it goes
        peak_mb=took.peak_rss_mb,
    )


def by_aimet(case: Case, setting: Setting, detector: Detector, dataset: Dataset) -> Made:
    """By AIMET's AdaRound, at the widths of the recipe's plan."""
    work = Work(detector=detector, dataset=dataset, calib=case.calib or setting.calib)
    made = adaround(work, case.recipe, aimet_python(None), target=case.target, iterations=setting.iterations)
    place = load_target(case.target)
    found = compare([own_file(detector, place, 1), made.entry()], detector.family, dataset, limit=setting.limit)
    planned = plan(detector, recipe=case.recipe, target=case.target)
    bits = {name: spec.qtype.bits for name, spec in planned.weights.items()}
    return Made(
        artefact=made.artefact,
        report=found.report(detector, dataset, 1),
        row=NAME,
        shares=shares(prepared(detector, place), bits),
        seconds=made.seconds,
        peak_mb=made.peak_mb,
    )


def plain(recipe: Recipe) -> Recipe:
    """The recipe's widths, each grid from the smallest to the largest value, and no steps."""
    rules = (
        replace(rule, weight=from_least_to_largest(rule.weight), activation=from_least_to_largest(rule.activation))
        for rule in recipe.rules
    )
    return replace(recipe, name=f"{recipe.name}-min-max", rules=tuple(rules), steps=())


def from_least_to_largest(wish: Wish) -> Wish:
    """The wish for a tensor, its grid from the smallest to the largest value."""
    return replace(wish, observer="minmax") if isinstance(wish, QuantSpec) else wish


def shares(model: ir.Model, bits: Mapping[str, int]) -> dict[int, float]:
    """Share of a graph's weights by their bits, per cent; those of layers that have none are in float."""
    counts: dict[int, int] = {}
    for node in model.graph:
        weight = constant(weight_of(node))
        if weight is not None:
            width = bits.get(node.name or "", FLOAT_BITS)
            counts[width] = counts.get(width, 0) + weight.size
    return {width: 100 * count / sum(counts.values()) for width, count in sorted(counts.items())}


def latency_to(artefact: Artefact, other: Artefact, target: str, detector: Detector, dataset: Dataset) -> float:
    """Median latency of files to that of others, taking turns on one image and one thread."""
    place, family = load_target(target), detector.family
    runners = {"one": place.open(artefact), "other": place.open(other)}
    _, pixels = next(iter_images(dataset.validation, []))
    found = compare_latency(runners, {family.input_name: family.preprocess(pixels)[0]}, RUNS)
    return found["one"].median_ms / found["other"].median_ms


def eight_bits(case: Case, setting: Setting) -> None:
    """Makes the 8-bit files of a model and a runtime, unless they are there.

    Raises:
        DetquantError: the row cannot be had.
    """
    if case.by == AIMET:
        aimet_python(None)  # where it is absent, nothing need be made
    place = setting.work / folder_of(case)
    if (place / NAMES).is_file():
        return
    with tempfile.TemporaryDirectory() as folder:
        net = net_of(case.model)
        file, dataset = net.unpacked(Path(folder)), net.data(Path(folder))
        options: dict[str, Any] = {"imgsz": net.imgsz, "preprocess": net.preprocess}
        few = {"calib": setting.calib, "val_limit": FEW}
        artefact = quantize(file, dataset, recipe=EIGHT, target=case.target, **few, **options).artefact
    place.mkdir(parents=True, exist_ok=True)
    for name, content in artefact.files.items():
        (place / name).write_bytes(content)
    (place / NAMES).write_text(json.dumps(list(artefact.files)), encoding="utf-8")


def read_files(place: Path) -> Artefact:
    """The files that `eight_bits` has written."""
    names = json.loads((place / NAMES).read_text(encoding="utf-8"))
    return Artefact({name: (place / name).read_bytes() for name in names})


def folder_of(case: Case) -> str:
    """Where the 8-bit files of a row's model and runtime are."""
    return f"{case.model}-{case.target}"


def net_of(name: str) -> Net:
    """A model at hand by its name.

    Raises:
        ModelError: there is none of that name.
    """
    known = {net.name: net for net in NETS}
    if name not in known:
        raise ModelError(unknown_name("model", name, known))
    return known[name]
