"""What a report shows of one model besides its figures: what it sees, at which threshold, what is lost, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from detquant.data import Dataset, read_image
from detquant.errors import DatasetError
from detquant.evaluation.breakdown import by_class, by_class_of_image, by_size
from detquant.evaluation.changes import Change, SeenImage, changed_guesses, largest_changes
from detquant.evaluation.resampling import (
    changes_of_classes,
    changes_of_guesses,
    draws,
    enough,
    interval,
    mean_of_classes,
    right_guesses,
)
from detquant.evaluation.scorers import headline
from detquant.pipeline.compare import Comparison
from detquant.pipeline.detector import Detector
from detquant.pipeline.entries import Entry
from detquant.pipeline.evaluate import measurable
from detquant.pipeline.inside import inside_of
from detquant.pipeline.judge import Judge
from detquant.pipeline.outputs import MOST_PICTURES, PICTURES
from detquant.report.evidence import Evidence
from detquant.report.pictures import small_jpeg
from detquant.report.usual import usual

FEWER = 5
"""Resamples of the sizes of objects are fewer by this: there are three of them."""

Shown = tuple[Evidence, dict[str, bytes]]


def evidence_of(
    detector: Detector,
    dataset: Dataset,
    found: Comparison,
    name: str,
    folder: str = "",
    *,
    call: str = "detquant",
    threads: int = 1,
) -> Shown:
    """The evidence on one model of a comparison, against the first; its times beside a float model's of its place.

    Args:
        detector: the float model.
        dataset: the data set that they were measured on.
        found: the comparison.
        name: name of the model's row.
        folder: folder of its pictures within the run's folder, with a slash at its end.
        call: the function that was called, for where no command line was.
        threads: number of threads of the runtimes.

    Returns:
        The evidence, and the pictures of the images in it by path within the run's folder.
    """
    dataset = measurable(detector.family, dataset)
    row = next(one for one in found.rows if one.name == name)
    family = detector.family
    basis = Evidence(
        row=name,
        classes=family.classes,
        usual=usual(family.name, row.precision) if row.accuracy else None,
    )
    drop = _drop(found, name, headline(family.task))
    if found.judge is not None:
        evidence, changes = _of_detector(basis, found.judge, name, drop)
    else:
        evidence, changes = _of_classifier(basis, found, dataset, name, drop)
    objects = found.judge.truth if found.judge is not None and found.judge.truth.known else None
    seen, pictures = _seen(
        changes,
        found.measured.paths,
        [objects.count(one.place) if objects is not None else None for one in changes],
        folder,
    )
    return _with_inside(replace(evidence, seen=tuple(seen)), found, name, threads, call), pictures


def _with_inside(evidence: Evidence, found: Comparison, name: str, threads: int, call: str) -> Evidence:
    """The evidence with what is known of the inside of the model; as it is where nobody tells how it was made."""
    ran = [one.entry for one in found.finished if one.entry.runner is not None]
    subject = next((entry for entry in ran if entry.name == name), None)
    if subject is None or subject.job is None:
        return evidence
    inside = inside_of(subject.job, subject, _float_beside(subject, ran), threads, call=call)
    return replace(
        evidence,
        tensors=inside.tensors,
        blocks=inside.blocks,
        profiles=inside.profiles,
        provenance=inside.provenance,
    )


def _float_beside(subject: Entry, ran: Sequence[Entry]) -> Entry:
    """The first float model on the same place; where that takes none, the first of all."""
    beside = (one for one in ran if one.quantization is None and one.place.name == subject.place.name)
    return next(beside, ran[0])


def _drop(found: Comparison, name: str, measure: str) -> float | None:
    """Points of the measure that a model has lost; None where nothing is known of the images."""
    first = next(iter(found.measured.sides))
    before, after = ({row.name: row for row in found.rows}[one].value(measure) for one in (first, name))
    return None if before is None or after is None else before - after


def _of_detector(basis: Evidence, judge: Judge, name: str, drop: float | None) -> tuple[Evidence, list[Change]]:
    """Thresholds, and boxes at these; where objects are known, parts and an interval too."""
    chosen = judge.thresholds(name)
    at = chosen.asked, chosen.asked if chosen.proposed is None else chosen.proposed
    sure = judge.found(judge.reference).above(at[0]), judge.found(name).above(at[1])
    changes, changed = largest_changes(*sure, MOST_PICTURES)
    evidence = replace(basis, thresholds=chosen, shown_at=at, changed=changed)
    if drop is None:
        return evidence, changes
    before, after = judge.matches(judge.reference), judge.matches(name)
    images, classes = len(judge.truth), basis.classes
    drawn = draws(images, enough(before, after))
    by_draw = changes_of_classes(before, after, len(classes), drawn)
    parts = (
        *by_class(before, after, classes, chosen.asked, by_draw),
        *by_size(before, after, len(classes), chosen.asked, drawn[: max(1, len(drawn) // FEWER)]),
    )
    return replace(evidence, parts=parts, interval=interval(drop, mean_of_classes(by_draw), images)), changes


def _of_classifier(
    basis: Evidence, found: Comparison, dataset: Dataset, name: str, drop: float | None
) -> tuple[Evidence, list[Change]]:
    """Guesses that are others; where classes are known, parts and an interval too. A first guess has no threshold."""
    first = next(iter(found.measured.sides))
    before, after = (found.measured.sides[one].confident for one in (first, name))
    changes, changed = changed_guesses(before, after, MOST_PICTURES)
    basis = replace(basis, changed=changed)
    if drop is None or dataset.labels is None:
        return basis, changes
    labels = [dataset.labels[dataset.image_ids[path] - 1] for path in found.measured.paths]
    right = [right_guesses(one, labels) for one in (before, after)]
    drawn = draws(len(labels), enough())
    parts = by_class_of_image(right[0], right[1], labels, dataset.classes or basis.classes, drawn)
    between = interval(drop, changes_of_guesses(right[0], right[1], drawn), len(labels))
    return replace(basis, parts=tuple(parts), interval=between), changes


def _seen(
    changes: Sequence[Change], paths: Sequence[Path], objects: Sequence[int | None], folder: str
) -> tuple[list[SeenImage], dict[str, bytes]]:
    """These images as both models see them, and a picture of each; one that is gone by now has none."""
    seen, pictures = list[SeenImage](), dict[str, bytes]()
    for one, count in zip(changes, objects, strict=True):
        path, file = paths[one.place], f"{folder}{PICTURES}{len(pictures):02d}.jpg"
        try:
            image = read_image(path)
        except DatasetError:
            continue
        pictures[file] = small_jpeg(np.asarray(image, np.uint8))
        seen.append(
            SeenImage(
                image=path.as_posix(),
                file=file,
                width=image.shape[1],
                height=image.shape[0],
                before=one.before,
                after=one.after,
                objects=count,
                change=round(one.share, 4),
            )
        )
    return seen, pictures
