"""Whether the threshold that is proposed for a quantised detector holds on other images than those it was found on.

    python benchmarks/threshold.py --scenes 3000 --sets 2

The embedded detector is quantised by onnxruntime's defaults, as most people try it first, and by recipes that shift its
scores. The scenes are cut in sets. On each the threshold is found, and on all the others recall is told: of the float
model at its own threshold, and of the quantised one there and at the one that is proposed. The bar is half a point.
Beside the difference stands what chance does to it: twice its standard deviation over choices of images, of those that
the threshold is found on and of those that it is told on. Where no threshold is found the row says why.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import onnx_ir as ir
from arguments import Count, Names
from conditions import conditions
from cyclopts import App
from lowbit import held
from markdown_table import markdown

from detquant.data import Dataset, open_scenes
from detquant.errors import DetquantError
from detquant.evaluation.found import Found
from detquant.evaluation.matching import Matches, match
from detquant.evaluation.resampling import draws
from detquant.evaluation.thresholds import Ranked, thresholds
from detquant.evaluation.truth import Truth
from detquant.families import CONFIDENCE
from detquant.graph import OrtRunner
from detquant.graph.decode_tail import find_decode_tail
from detquant.pipeline.calibration_images import choose_images, stream
from detquant.pipeline.detector import Detector, load
from detquant.pipeline.engines import load_engine
from detquant.pipeline.evaluate import run_over
from detquant.pipeline.job import Job
from detquant.pipeline.naive import NAIVE, naive_entry, quantize_naively
from detquant.recipes import load_recipe
from detquant.targets import Runner, load_target

MODEL, FLOAT, BAR = "yolov8-pico", "float", "apart"
NAIVE_BUT_DECODING = "naive, decoding in float"
BARS = {BAR: 0.5}
"""Points of recall by which the quantised model may differ from the float one."""
RESAMPLES = 200
HEADER = (
    *("quantised by", "set", "bar", "threshold", "recall, float", "recall at float's", "recall at its own"),
    *("apart", "chance", "precision, float", "precision at its own"),
)
TEXTS = 3
app = App(name="threshold", help="Prints whether proposed thresholds hold on other scenes, as a Markdown table.")


def opened(detector: Detector, dataset: Dataset, recipes: Sequence[str], calib: int) -> dict[str, Runner]:
    """The float model, the naive ones, and those by recipes."""
    place = load_target("ort")
    naive = naive_entry(detector, dataset, calib=calib, place=place, threads=1, progress=None)
    runners = {FLOAT: detector.open(1), **({NAIVE: naive.runner} if naive.runner else {})}
    runners[NAIVE_BUT_DECODING] = without_decoding(detector, dataset, calib)
    for name in recipes:
        job = Job(detector=detector, dataset=dataset, recipe=load_recipe(name), target=place, calib=calib)
        runners[name] = place.open(load_engine("detquant")(job).artefact, 1)
    return runners


def without_decoding(detector: Detector, dataset: Dataset, calib: int) -> OrtRunner:
    """What onnxruntime's defaults make of it when they are told to leave the decode part in float, as many learn to."""
    feeds = stream(detector.family, choose_images(dataset, calib, []))
    tail = [node.name or "" for node in find_decode_tail(detector.model.graph).nodes]
    return OrtRunner(quantize_naively(ir.to_proto(detector.model), feeds, nodes_to_exclude=tail), 1)


def judged(found: Mapping[str, Found], dataset: Dataset, places: np.ndarray) -> dict[str, Matches]:
    """What each model finds in some of the images."""
    truth = Truth.of(dataset.ground_truth or {}, [place + 1 for place in places.tolist()])
    return {name: match(truth, Found.of(one.at(place) for place in places)) for name, one in found.items()}


def chance(before: Matches, after: Matches, confidence: float, proposed: float) -> float:
    """Standard deviation of the difference in recall over choices of these images, points."""
    images = len(before.truth)
    drawn = draws(images, RESAMPLES)
    objects = drawn @ np.bincount(before.truth.image[before.asked()], minlength=images)
    right = [
        drawn @ np.bincount(one.image[one.right() & (one.confidence >= least)], minlength=images)
        for one, least in ((before, confidence), (after, proposed))
    ]
    return float((100 * (right[1] - right[0]) / objects).std())


def row(name: str, number: int, here: Mapping[str, Matches], there: Mapping[str, Matches]) -> tuple[str, ...]:
    """One model on one set: found here, told there."""
    chosen = thresholds(here[FLOAT], here[name], CONFIDENCE)
    ours, theirs = Ranked.of(there[FLOAT]), Ranked.of(there[name])
    first, same = ours.at(CONFIDENCE), theirs.at(CONFIDENCE)
    if chosen.proposed is None:
        cells = ("none", f"{first.recall:.2f}", f"{same.recall:.2f}", "", "", "", f"{first.precision:.2f}", "")
        return (name, str(number), f"there is none: {chosen.why}", *cells)
    own = theirs.at(chosen.proposed)
    apart = own.recall - first.recall
    spread = [chance(one[FLOAT], one[name], CONFIDENCE, chosen.proposed) for one in (here, there)]
    return (
        name,
        str(number),
        "; ".join(held(BARS, {BAR: abs(apart)}, ())),
        f"{chosen.proposed:g}",
        *(f"{value:.2f}" for value in (first.recall, same.recall, own.recall)),
        f"{apart:+.2f}",
        f"{2 * float(np.hypot(*spread)):.2f}",
        *(f"{value:.2f}" for value in (first.precision, own.precision)),
    )


def rows(found: Mapping[str, Found], dataset: Dataset, sets: int) -> Iterator[tuple[str, ...]]:
    """All models on all sets."""
    for number, here in enumerate(np.array_split(np.arange(len(dataset.validation)), sets), start=1):
        there = np.setdiff1d(np.arange(len(dataset.validation)), here)
        inside, outside = judged(found, dataset, here), judged(found, dataset, there)
        for name in found:
            if name != FLOAT:
                yield row(name, number, inside, outside)


@app.default
def bench(*, scenes: Count = 3000, sets: Count = 2, recipes: Names = None, calib: Count = 64) -> None:
    """Quantise the embedded detector, find thresholds, and print how they hold.

    Args:
        scenes: Number of scenes in all.
        sets: Number of sets that thresholds are found on; at least 2.
        recipes: Recipes besides onnxruntime's defaults.
        calib: Number of calibration images.
    """
    detector, dataset = load(MODEL), open_scenes(0, validation=scenes)
    runners = opened(detector, dataset, recipes or ["w8a8", "w4a8", "w4a4"], calib)
    print(f"{len(runners)} models on {scenes} scenes", file=sys.stderr)
    measured = run_over(detector.family, runners, dataset)
    found = {name: side.found for name, side in measured.sides.items() if side.found is not None}
    made = sorted(rows(found, dataset, max(2, sets)), key=lambda one: list(found).index(one[0]))
    print(markdown(HEADER, made, texts=TEXTS))
    aps = ", ".join(f"{name} {side.accuracy.figures()['ap']:.2f}" for name, side in measured.sides.items())
    print(f"\nAP of all scenes: {aps}.")
    print(conditions(calib, f"{scenes} scenes, found on {scenes // max(2, sets)} of them and told on the others"))


if __name__ == "__main__":
    try:
        app()
    except DetquantError as error:
        sys.exit(f"threshold: {error}")
