"""The examination: for a person who wonders (`diagnose`), and of each model before the work (`require_sound`)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from detquant.data import Dataset
from detquant.errors import DatasetError, ModelError
from detquant.families import Family
from detquant.families.reading import reading_text
from detquant.pipeline.detector import Detector
from detquant.pipeline.doctor.counting import count_otherwise, helps, look
from detquant.pipeline.doctor.pictures import Pictures
from detquant.pipeline.doctor.search import Finding, Search
from detquant.pipeline.doctor.unlabelled import glance
from detquant.pipeline.doctor.verdict import HEALTHY, Verdict, judge, reads_option
from detquant.progress import Progress
from detquant.report.sheets.numbers import plural
from detquant.spread import processors
from detquant.targets import Runner

IMAGES, QUICK = 16, 4
"""How many images are looked at; and how many at first, which is enough for most sound models."""
SHOWN = 12
FORCE = "--force goes on as it is."
ASPECTS = 0.02
"""Parts by which the aspect of image and input may differ and still be the same."""


def diagnose(
    detector: Detector, dataset: Dataset, *, images: int = IMAGES, progress: Progress | None = None
) -> dict[str, Any]:
    """Tries other ways to feed and read a detector, in the runtime that its file was written for.

    Args:
        detector: float or quantised.
        dataset: with or without known objects.
        images: the first so many, with objects where these are known.
        progress: called with (what, done, total).

    Returns:
        Plain values: "reading" as it is now, "findings" with "reads", "ap", "ap50" and "objects", the best first;
        "sound", "verdict" and "option"; "target" and "notes" on where it ran.

    Raises:
        ModelError: the model is a classifier.
        DatasetError: no image can be read.
    """
    if detector.family.task != "detect":
        raise ModelError("The doctor looks at detectors. Of a classifier, compare evaluate with each --preprocess.")
    started, family, opening = time.perf_counter(), detector.family, detector.opening(processors())
    runner = opening.runner
    found: Sequence[Finding] = ()
    if dataset.ground_truth is None:
        found, verdict = _without_labels(family, runner, Pictures(dataset.validation, images))
        count = min(images, len(dataset.validation))
    else:
        pictures = _labelled(dataset, images)
        search = _search(family, runner, dataset, pictures, progress)
        found, count = search.ranked, len(pictures)
        verdict = judge(family, search.now, search.ranked[0], images=count, objects=_objects(dataset, pictures))
    return {
        "model": str(detector.imported.path),
        "model_sha256": detector.imported.sha256,
        "family": family.name,
        "family_reason": detector.reason,
        "data": dataset.name,
        "images": count,
        "target": opening.target,
        "notes": list(opening.notes),
        "reading": reading_text(family.reading),
        "findings": [_figures(family, one) for one in _shown(found)],
        "tried": len(found),
        "sound": verdict.sound,
        "verdict": verdict.sentence,
        "option": verdict.option,
        "seconds": round(time.perf_counter() - started, 1),
    }


def require_sound(
    detector: Detector, dataset: Dataset, *, force: bool = False, progress: Progress | None = None
) -> list[str]:
    """Stops before the work where a float detector finds nothing, or far more when it is read otherwise.

    Args:
        detector: float.
        dataset: the data set, as it was opened.
        force: whether to go on all the same.
        progress: called with (what, done, total).

    Returns:
        What is to be warned of, in sentences.

    Raises:
        ModelError: it is read wrongly, or finds nothing; the sentence says what to do.
        DatasetError: its classes are not those of the data, however they are counted.
    """
    family = detector.family
    if family.task != "detect":
        return []
    runner = detector.open(processors())
    if dataset.ground_truth is None:
        seen, verdict = _without_labels(family, runner, Pictures(dataset.validation[: 2 * IMAGES], IMAGES))
        if not seen[0].objects and not force:
            raise ModelError(f"{verdict.sentence} Nothing was written; {FORCE}")
        return [] if verdict.sound else [verdict.sentence]
    if not _labelled_paths(dataset):
        return []  # nothing can be measured, which is said where it would be
    for count in (QUICK, IMAGES):
        pictures = _labelled(dataset, count)
        if (Search(family, runner, dataset, pictures).now.ap50 or 0.0) >= HEALTHY:
            return []
    search = _search(family, runner, dataset, pictures, progress)
    best, objects = search.ranked[0], _objects(dataset, pictures)
    verdict = judge(family, search.now, best, images=len(pictures), objects=objects)
    if verdict.sound:
        return []
    if search.now.ap is None:
        raise DatasetError(verdict.sentence)
    if force:
        return [verdict.sentence]
    raise ModelError(f"{verdict.sentence} Nothing was written; {FORCE}")


def _search(family: Family, runner: Runner, dataset: Dataset, pictures: Pictures, progress: Progress | None) -> Search:
    search = Search(family, runner, dataset, pictures, progress)
    shapes = pictures.shapes.values()
    search.run(same_aspect=all(_same_aspect(family, height, width) for height, width in shapes))
    return search


def _labelled(dataset: Dataset, count: int) -> Pictures:
    """The first images that have a known object and can be read."""
    labelled = _labelled_paths(dataset)
    if not labelled:
        raise DatasetError(f"None of the validation images of {dataset.name} has a labelled object.")
    return Pictures(labelled[: 2 * count], count)


def _labelled_paths(dataset: Dataset) -> list[Path]:
    known = {one["image_id"] for one in (dataset.ground_truth or {})["annotations"] if not one.get("iscrowd")}
    return [path for path in dataset.validation if dataset.image_ids[path] in known]


def _objects(dataset: Dataset, pictures: Pictures) -> int:
    ids = {dataset.image_ids[path] for path in pictures.shapes}
    known = (dataset.ground_truth or {})["annotations"]
    return len([one for one in known if one["image_id"] in ids and not one.get("iscrowd")])


def _same_aspect(family: Family, height: int, width: int) -> bool:
    return abs(height * family.width / (width * family.height) - 1) < ASPECTS


def _without_labels(family: Family, runner: Runner, pictures: Pictures) -> tuple[list[Finding], Verdict]:
    """Findings as the model is read now, and as it may be read otherwise where it finds nothing or everything now."""
    seen = glance(look(family, runner, pictures))
    now = Finding(changed={}, ap=None, ap50=None, objects=seen.objects)
    if not seen.complaint:
        there = f"{plural(seen.objects, 'object')} in {plural(seen.images, 'image')}"
        said = f"The model finds {there}; labels would tell whether rightly."
        return [now], Verdict(sound=True, sentence=said)
    others = count_otherwise(family, runner, pictures)
    better = helps(others, pictures)
    said = f"{seen.complaint}: it may be fed or read wrongly, which detquant doctor tells on labelled images."
    if better is None:
        return [now, *others], Verdict(sound=False, sentence=said)
    option = reads_option(family, better)
    said = f"{said} With {option} it is confident of {plural(better.objects, 'object')}."
    return [now, *others], Verdict(sound=False, sentence=said, option=option)


def _shown(found: Sequence[Finding]) -> list[Finding]:
    """The best, and the present one wherever it stands."""
    first = list(found[:SHOWN])
    return [*first, *(one for one in found[SHOWN:] if not one.changed)]


def _figures(family: Family, finding: Finding) -> dict[str, Any]:
    return {
        "reads": reading_text(finding.changed),
        "option": reads_option(family, finding) if finding.changed else "",
        "ap": finding.ap,
        "ap50": finding.ap50,
        "objects": finding.objects,
        "problem": finding.problem,
    }
