"""A place to run: facts, a pure lowering, and the real runtime."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from detquant.errors import OptionError, TargetError, unknown_name
from detquant.families import Family
from detquant.importers import OwnFile
from detquant.numerics import Capability
from detquant.targets.inside import RUNS, SECONDS, Timed

Arrays = Mapping[str, npt.NDArray[np.generic]]

_INTEGERS = re.compile(r"(u?int|[iuqw])[1-9][0-9]?(a[1-9][0-9]?)?([-_].*)?", re.IGNORECASE)
"""Names that people have for integer precisions: int8, uint8, i8, w8a8, w8a8-lapq."""


class Runner(Protocol):
    """A model that is open on a runtime."""

    def run(self, feeds: Arrays) -> Arrays:
        """Runs the model once: outputs by name for inputs by name."""
        ...


@runtime_checkable
class Fits(Protocol):
    """An open model that may want other element types or layouts than the house has."""

    def fit(self, feeds: Arrays) -> Arrays:
        """Feeds as the model takes them."""
        ...


@runtime_checkable
class Decodes(Protocol):
    """An open model that gives something else than the model that it was made of does.

    Attributes:
        family: reads what it gives.
    """

    family: Family


def read_by(runner: Runner, family: Family) -> Family:
    """The family that reads what an open model gives: its own where it has one, else the model's."""
    return runner.family if isinstance(runner, Decodes) else family


def fitted(runner: Runner, feeds: Arrays) -> Arrays:
    """Feeds as an open model takes them, so that no clock sees them made: a program makes them so from the start."""
    return runner.fit(feeds) if isinstance(runner, Fits) else feeds


@dataclass(frozen=True, slots=True)
class Artefact:
    """Files in a target's own format.

    Attributes:
        files: contents by file name; the first is the one to open.
        beside: names of those that the place does not load: sources, proofs, what it was made of.
    """

    files: Mapping[str, bytes]
    beside: frozenset[str] = field(default_factory=frozenset)

    @property
    def loaded(self) -> dict[str, bytes]:
        """The files that the place loads."""
        return {name: content for name, content in self.files.items() if name not in self.beside}

    @property
    def size_bytes(self) -> int:
        """The size of all files that the place loads together, bytes."""
        return sum(map(len, self.loaded.values()))

    def zipped_bytes(self) -> int:
        """The size of a zip archive of these files, deflated, bytes: what a package or a download of them takes."""
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as together:
            for name, content in self.loaded.items():
                together.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
        return archive.getbuffer().nbytes

    def digest(self) -> str:
        """sha256 over names and contents, in name order."""
        total = hashlib.sha256()
        for name in sorted(self.files):
            total.update(f"{name}\0{len(self.files[name])}\0".encode() + self.files[name])
        return total.hexdigest()


class Target(ABC):
    """A place to run. Its attributes are facts.

    Attributes:
        name: key in TARGETS.
        title: what it is and what its artefact is, in a few words.
        extra: the extra of detquant that installs its runtime; None where the core has it.
        package: the runtime's distribution, whose version is told.
        capability: capability of its integer kernels.
        writes: names of all files that an artefact of it may have.
        precisions: precisions of float artefacts.
        float_only: why it takes no integer model; None where it does.
        integer_only: why it takes no float model; None where it does.
        variant_of: the target that it is another form of, as fast in the same runtime; None where it is none.
        runs_here: whether detquant runs the real runtime; where it does not, another one stands in and it is said so.
        keeps_ends: whether it takes inputs and outputs of any element type and layout, as files have them.
        emulates: why its integers are no faster, where it computes them in float; None where they are integers.
        one_width: whether all its weights take as many bits as the widest of them.
        shows_steps: whether the report of a model for it has a row for each step between the float file and its own.

    Examples:
        >>> import detquant
        >>> place = detquant.load_target("ort")
        >>> place.title, place.precisions, place.writes
        ('ONNX Runtime on CPUs: QDQ ONNX', ('fp32', 'fp16'), ('model.onnx',))
        >>> detquant.load_target("oak").float_only  # why it takes no INT8 model
        'the MyriadX in OAK cameras computes in FP16 only'
    """

    name: str
    title: str
    extra: str | None
    package: str
    capability: Capability
    writes: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ("fp32",)
    float_only: str | None = None
    integer_only: str | None = None
    variant_of: str | None = None
    runs_here: bool = True
    keeps_ends: bool = False
    emulates: str | None = None
    one_width: bool = False
    shows_steps: bool = False

    def with_options(self, **given: Any) -> Self:
        """This place as it was asked for.

        Args:
            given: options by name.

        Raises:
            OptionError: it has no such option, or one of them is out of its bounds.
        """
        if given:
            named = " and ".join(f"--{name.replace('_', '-')}" for name in given)
            raise OptionError(
                f"Target {self.name} has no {named}: leave it out, or choose the target that has it; the list of "
                f"options, detquant quantize --help , says whose each is."
            )
        return self

    def steps(self, artefact: Artefact, threads: int = 1) -> Iterator[tuple[str, Runner]]:
        """The parts of what it computes, from less to more, without the whole: what to call each, and the open model.

        Args:
            artefact: an artefact of `lower`.
            threads: number of threads of the runtime.
        """
        return iter(())

    def comparable(self) -> Self:
        """This place giving what the model gives: the numbers before suppression, where it finds objects itself."""
        return self

    @property
    def untimed(self) -> str | None:
        """Why measured latency says nothing about integers here; None where it does."""
        return self.emulates if self.runs_here else "the target does not run here"

    def rewrite(self, model: ir.Model) -> ir.Model:
        """The float graph as this place runs it best: the same function, perhaps in other operators."""
        return model

    @abstractmethod
    def lower(self, qdq: ir.Model) -> Artefact:
        """The files for this place; pure, needs no vendor tool."""

    def lower_float(self, model: ir.Model, precision: str) -> Artefact:
        """Files of a float graph for this place.

        Raises:
            TargetError: the place does not take that precision.
        """
        self.require(precision)
        return self.lower(model)

    def missing(self) -> str | None:
        """Why the runtime cannot be used here, in a few words; None where it can."""
        if not self.runs_here:
            return "not run by detquant"
        try:
            version(self.package)
        except PackageNotFoundError:
            return f"not installed: pip install 'detquant[{self.extra}]'" if self.extra else "not installed"
        return None

    def open_float(self, model: ir.Model, threads: int = 1) -> Iterator[tuple[str, Artefact, Runner]]:
        """The ways in which this place runs a float graph: what to call each, its files, and the open model."""
        for precision in self.precisions:
            artefact = self.lower_float(model, precision)
            yield precision, artefact, self.open(artefact, threads)

    def require(self, precision: str) -> None:
        """Refuses a precision that the place does not take.

        Raises:
            TargetError: it does not.
        """
        if self.integer_only:
            how = f"detquant quantize MODEL --data DATA --target {self.name}"
            raise TargetError(f"Target {self.name} takes no float model: {self.integer_only}. Instead:  {how}")
        if precision not in self.precisions:
            if _INTEGERS.fullmatch(precision):
                self.require_integers()
                how = f"detquant quantize MODEL --data DATA --target {self.name}"
                raise TargetError(
                    f"'{precision}' is no precision of a float model ({', '.join(self.precisions)}): export leaves "
                    f"weights as they are, and quantize makes integers of them:  {how}"
                )
            raise TargetError(unknown_name(f"precision of target {self.name}", precision, self.precisions))

    def require_integers(self) -> None:
        """Refuses to quantise for a place that takes no integer model.

        Raises:
            TargetError: it does not, with the reason.
        """
        if self.float_only:
            how = f"detquant export MODEL --target {self.name} --precision {self.precisions[0]}"
            raise TargetError(f"Target {self.name} takes no INT8 model: {self.float_only}. Instead:  {how}")

    def decoded_by(self, artefact: Artefact, family: Family) -> Family:
        """The family that decodes the artefact's outputs: the model's own, unless lowering gives it other outputs."""
        return family

    def finish(self, artefact: Artefact, family: Family, image: Arrays) -> tuple[Artefact, tuple[str, ...]]:
        """The artefact with what the vendor's compiler adds, where it is at hand, and sentences on what is left to do.

        Args:
            artefact: artefact of `lower` or `lower_float`, shown to compute what it should.
            family: family of the model.
            image: an image as the model takes it, for those whose files hold an example.
        """
        return artefact, ()

    def with_metadata(self, artefact: Artefact, entries: Mapping[str, str]) -> Artefact:
        """The artefact with entries in its own metadata, which take the place of those of their names.

        Args:
            artefact: artefact of `lower` or `lower_float`.
            entries: text by key.

        Returns:
            The artefact as it is where its format has no metadata that could be written afterwards.
        """
        return artefact

    def remarks(self, runner: Runner) -> tuple[str, ...]:
        """Sentences of the runtime itself about an open model of this place."""
        return ()

    def profile(self, runner: Runner, feed: Arrays, runs: int = RUNS, seconds: float = SECONDS) -> tuple[Timed, ...]:
        """What an open model computes each operator in, and the time of it, as the runtime itself says.

        The model that is given is left as it is; the times are of one that is opened with a profiler, on as many
        threads.

        Args:
            runner: an open model of this place.
            feed: an image as the family has it.
            runs: how many runs the medians are of, at most.
            seconds: time after which no run is begun.

        Returns:
            Operators of the runtime's own graph, in the order in which they run; empty where it does not tell.
        """
        return ()

    def known_faults(self, qdq: ir.Model) -> str:
        """A sentence on what the runtime may compute wrongly of a graph, for where it did; empty where none is known.

        Args:
            qdq: the graph that its files were made of.
        """
        return ""

    def open_own(self, own: OwnFile, graph: ir.Model, threads: int = 1) -> Runner | None:
        """A file as it is, written by anyone, which takes and gives what the graph that was imported from it does.

        Args:
            own: the file.
            graph: the graph as it was imported, of static shapes.
            threads: number of threads of the runtime.

        Returns:
            None where such files are none of this place's.

        Raises:
            TargetError: the runtime refuses the file, or what it takes and gives is not what the graph does.
            MissingExtra: the runtime is not installed.
        """
        return None

    @abstractmethod
    def open(self, artefact: Artefact, threads: int = 1) -> Runner:
        """The artefact on the real runtime."""
