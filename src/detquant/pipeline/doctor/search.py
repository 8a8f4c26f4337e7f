"""The search for the way in which a model finds most, on a few images.

1. As it is read now, and with every other way to read its outputs: those share the runs of the network.
2. Of the input one thing after the other (grey levels, order of the channels, how the image is fitted), each on top of
   the best so far, twice over; as long as nothing finds anything, levels and order in every combination.
3. The outputs again, on top of the best.

The network runs once an image for each form of the input, of which there are about a dozen; nothing of what it gives
is kept, so memory does not grow.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

from detquant.data import Dataset
from detquant.errors import DatasetError
from detquant.evaluation.scorers import Scorer, make_scorer
from detquant.families import CONFIDENCE, Family
from detquant.families.reading import Reading, reading_text
from detquant.pipeline.doctor.hypotheses import changes, class_readings, combined, input_words, oddity, output_readings
from detquant.pipeline.doctor.pictures import Pictures
from detquant.pipeline.evaluate import measurable
from detquant.pipeline.finite import require_finite
from detquant.progress import Progress
from detquant.targets import Runner, fitted

LEAST, MOST = 0.01, 100
"""Confidence and number of boxes from which, and up to which, detections count here."""
PASSES = 2
ODD, CHANGED = 2.0, 0.25
"""Points that a word counts against a hypothesis: one that is not the family's own, and one that is not the present."""
NEAR = 6.0
"""Points by which another must be better than the present reading to stand before it."""
SOMETHING = 5.0
"""Points from which the search is on a trail, and follows that alone."""
SECONDS = 60.0
"""Seconds after which no further form of the input is tried."""
BY_OUTPUTS = 3
"""Ways to read the outputs that are kept in sight until one finds something."""
FORMS = 12
"""Number of forms of the input that are tried, about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The detections and the accuracy of a model that is read in one way.

    Attributes:
        changed: the words that differ from how it is read now.
        ap: AP@[.5:.95] in per cent; None where it cannot be measured.
        ap50: AP at an IoU of 0.5, in per cent.
        objects: confident detections.
        problem: why it cannot be measured.
    """

    changed: Reading
    ap: float | None
    ap50: float | None
    objects: int
    problem: str = ""

    @property
    def mean(self) -> float:
        """Mean of both APs, which hangs less on single boxes than either of them; 0 where there are none."""
        return ((self.ap or 0.0) + (self.ap50 or 0.0)) / 2


@dataclass(frozen=True, slots=True)
class _Candidate:
    changed: Reading
    family: Family
    scorer: Scorer


class Search:
    """Tries readings on a few images, and remembers what each found.

    Args:
        family: the family of the model, as it is read now.
        runner: the open float model.
        dataset: the data set, as it was opened.
        pictures: labelled images.
        progress: called with (what, done, total), the total being a guess.
    """

    def __init__(
        self,
        family: Family,
        runner: Runner,
        dataset: Dataset,
        pictures: Pictures,
        progress: Progress | None = None,
    ) -> None:
        self.progress = progress
        self.family, self.runner, self.dataset, self.pictures = family, runner, dataset, pictures
        self.findings: dict[str, Finding] = {}
        self.forms = 0
        self.started = time.perf_counter()

    @property
    def now(self) -> Finding:
        """The finding as the model is read now."""
        return self.findings[""] if "" in self.findings else self._first()

    @property
    def ranked(self) -> list[Finding]:
        """The best first; but the present one where none is better by more than chance."""
        ordered = sorted(self.findings.values(), key=lambda one: -self._merit(one))
        now = self.now
        if now.ap is not None and now.mean >= ordered[0].mean - NEAR:
            ordered = [now, *(one for one in ordered if one is not now)]
        return ordered

    def _merit(self, finding: Finding) -> float:
        if finding.ap is None:
            return -100.0
        return finding.mean - ODD * oddity(self.family, finding.changed) - CHANGED * len(finding.changed)

    def run(self, *, same_aspect: bool) -> None:
        """Runs the whole search.

        Args:
            same_aspect: whether it does not matter how images are fitted to the input.
        """
        outputs, classes = output_readings(self.family), class_readings(self.family, self.dataset)
        self.attempt(combined([{}, self.family.own_reading, *outputs], classes))
        kept = [one.changed for one in self.ranked[:BY_OUTPUTS]]
        inputs = input_words(self.family, same_aspect=same_aspect)
        for _ in range(PASSES):
            for kind, words in inputs.items():
                below = [{}, *kept] if self.ranked[0].mean < SOMETHING else []
                best = self.ranked[0].changed
                self.attempt([{**one, kind: word} for one in (best, *below) for word in words])
            if self.ranked[0].mean < SOMETHING:
                pairs = product(inputs.get("range", ()), inputs.get("channels", ()), [{}, *kept])
                self.attempt([{**one, "range": levels, "channels": order} for levels, order, one in pairs])
        best = self.ranked[0].changed
        self.attempt([{**best, **one} for one in combined(outputs, classes)])

    def attempt(self, readings: Iterable[Reading]) -> None:
        """Measures those that have not been; the network runs once for each form of the input among them."""
        forms: dict[object, list[_Candidate]] = {}
        for reading in readings:
            changed = changes(self.family, reading)
            if reading_text(changed) in self.findings or not all(map(self.family.heeds, changed, changed.values())):
                continue
            candidate = self._candidate(changed)
            if candidate and all(candidate.changed != other.changed for one in forms.values() for other in one):
                forms.setdefault(candidate.family.form, []).append(candidate)
        for together in forms.values():
            if "" not in self.findings or time.perf_counter() - self.started < SECONDS:
                self._measure(together)

    def _first(self) -> Finding:
        self.attempt([{}])
        return self.findings[""]

    def _candidate(self, changed: Reading) -> _Candidate | None:
        family = self.family.read_as(changed)
        try:
            dataset = measurable(family, self.dataset)
        except DatasetError as error:
            self.findings[reading_text(changed)] = Finding(
                changed=changed, ap=None, ap50=None, objects=0, problem=str(error)
            )
            return None
        scorer = make_scorer(dataset, family.classes)
        assert scorer is not None, "only data sets with known objects are searched"
        return _Candidate(changed, family, scorer)

    def _measure(self, together: Sequence[_Candidate]) -> None:
        objects, unfit = [0] * len(together), set[int]()
        for path, image in self.pictures:
            tensor, geometry = together[0].family.preprocess(image)
            outputs = self.runner.run(fitted(self.runner, self.family.feeds(tensor)))
            require_finite(outputs, path)
            for place, one in enumerate(together):
                if place in unfit or (one.changed and not one.family.fits(outputs)):
                    unfit.add(place)
                    continue
                found = one.family.decode(outputs, geometry, confidence=LEAST, max_detections=MOST)
                one.scorer.add(self.dataset.image_ids[path], found)
                objects[place] += len(found.above(CONFIDENCE))
        self.forms += 1
        if self.progress:
            self.progress("trying other readings", self.forms, max(self.forms, FORMS))
        for place, (one, count) in enumerate(zip(together, objects, strict=True)):
            if place in unfit:
                continue
            score = one.scorer.result().figures()
            self.findings[reading_text(one.changed)] = Finding(
                changed=one.changed, ap=score["ap"], ap50=score["ap50"], objects=count
            )
