"""What a workflow works on: models and images of the zoo, the user's own, or what stands in where no zoo is reached.

Nothing stands in without a word: of seeded weights each report says that its figures are no accuracy, and why they are
there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from detquant.data import EMBEDDED, Dataset, images_alone, open_coco, open_dataset
from detquant.errors import FetchError, MissingExtra, Unreachable
from detquant.progress import Progress
from detquant.recipes.workflow import WantedData, WantedModel
from detquant.report.files import staged
from detquant.zoo import fetch, find

FETCHED, SEEDED = "fetched", "seeded"
"""Folders of what was fetched, and of checkpoints with seeded weights."""
MEANS_NOTHING = (
    "The weights of {name} are seeded and not trained: the figures tell how near each model stays to the float one, "
    "and nothing of what it finds."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenModel:
    """A model file to work on.

    Attributes:
        path: the file.
        seeded: whether its weights are seeded.
        warnings: on what stands in for what, in sentences.
    """

    path: Path
    seeded: bool = False
    warnings: tuple[str, ...] = ()

    def measured_on(self, dataset: Dataset) -> Dataset:
        """The data set; without what is known of its images where the weights are seeded."""
        return images_alone(dataset) if self.seeded else dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Gives a workflow its models and images.

    Attributes:
        out: the folder of the run.
        seed: seed of the order of the calibration images.
        progress: called with (what, done, total).
    """

    out: Path
    seed: int
    progress: Progress | None

    def models(self, own: Sequence[Path], wanted: Sequence[WantedModel]) -> Iterator[GivenModel]:
        """The user's own models, else those of the workflow.

        Raises:
            FetchError: one cannot be had, and nothing may stand in.
            MissingExtra: seeded weights are wanted, and torch is not installed.
        """
        if own:
            yield from (GivenModel(path=path) for path in own)
        else:
            yield from (self._model(one) for one in wanted)

    def images(self, own: Path | None, wanted: WantedData) -> Dataset:
        """The user's own data set, else that of the workflow.

        Raises:
            FetchError: it cannot be had, and nothing may stand in.
            DatasetError: it cannot be used.
        """
        if own:
            return open_dataset(own, self.seed)
        if not wanted.zoo:
            return self._embedded(wanted)
        found = self._unless_unreachable(bool(wanted.embedded), lambda: self._images(wanted))
        if isinstance(found, Dataset):
            return found
        why = f"{', '.join(wanted.zoo)} cannot be had here, so the images of '{wanted.embedded}' stand in: {found}"
        standing_in = self._embedded(wanted)
        return replace(standing_in, warnings=(*standing_in.warnings, why))

    def _model(self, wanted: WantedModel) -> GivenModel:
        if not wanted.zoo:
            return self._seeded(wanted.seeded)
        found = self._unless_unreachable(bool(wanted.seeded), lambda: self._fetched_model(wanted))
        if isinstance(found, Path):
            return GivenModel(path=found)
        return self._seeded(wanted.seeded, f"{wanted.zoo} cannot be had here, so {wanted.seeded} stands in: {found}")

    @staticmethod
    def _unless_unreachable(may: bool, fetched: Callable[[], Path | Dataset]) -> Path | Dataset | Unreachable:
        """What was fetched, or why it was not where that may be."""
        try:
            return fetched()
        except Unreachable as error:
            if not may:
                raise
            return error

    def _fetched(self, name: str) -> Path:
        return fetch(find(name), self.out / FETCHED, progress=self.progress).path

    def _fetched_model(self, wanted: WantedModel) -> Path:
        came = self._fetched(wanted.zoo)
        if not came.is_dir():
            return came
        found = sorted(came.rglob(wanted.file or "*.onnx"))
        if not found:
            raise FetchError(f"'{came}' was fetched, but there is no '{wanted.file or '*.onnx'}' in it.")
        return found[0]

    def _seeded(self, name: str, *why: str) -> GivenModel:
        """A checkpoint of a network with seeded weights; its name says that."""
        if find_spec("torch") is None:
            raise MissingExtra("torch", "torch")
        from detquant.architectures.seeded import seeded_checkpoint

        if self.progress:
            self.progress(f"drawing the weights of {name}", 0, 1)
        file = f"{SEEDED}/{name}-seeded.pth"
        with staged(self.out) as put:
            put(file, seeded_checkpoint(name))
        return GivenModel(path=self.out / file, seeded=True, warnings=(*why, MEANS_NOTHING.format(name=name)))

    def _images(self, wanted: WantedData) -> Dataset:
        for name in wanted.zoo:
            self._fetched(name)
        folder = self.out / FETCHED
        if not wanted.annotations:
            return images_alone(open_dataset(folder / wanted.images, self.seed))
        return open_coco(folder / wanted.annotations, self.seed, folder / wanted.images)

    def _embedded(self, wanted: WantedData) -> Dataset:
        return images_alone(EMBEDDED[wanted.embedded](self.seed))
