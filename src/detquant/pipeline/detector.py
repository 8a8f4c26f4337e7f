"""A detector: a model file, its graph made ready, and the family that knows its input and its outputs."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import onnx_ir as ir

from detquant.errors import ModelError
from detquant.families import Family, find_family
from detquant.families.anchors import anchors_entry
from detquant.families.classifier import KEY
from detquant.families.preprocessing import chosen_preprocessing
from detquant.families.reading import parse_reading, reading_entry, written_reading
from detquant.graph import prepare
from detquant.graph.anchors import find_anchors
from detquant.graph.frozen_inputs import with_frozen_inputs
from detquant.graph.full_precision import is_full_precision
from detquant.graph.image_arithmetic import find_image_arithmetic, fold_image_arithmetic
from detquant.graph.original_ends import Ends, element_of, ends_of, takes_codes
from detquant.graph.values import static_shape
from detquant.importers import ImportedModel, load_model
from detquant.importers.signature import signature_of
from detquant.pipeline.keywords import Keywords
from detquant.pipeline.noise import on_noise
from detquant.pipeline.opening import AUTO, Opening, open_where
from detquant.pipeline.options import ModelOptions
from detquant.targets import Runner, Target

_QDQ = frozenset({"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """A model of a known family; a classifier counts as a detector whose only box is the image.

    Attributes:
        imported: the file as it was read.
        model: the graph of the file, prepared: static shapes, constants folded. Q and DQ nodes stay as they are.
        family: how images go in and boxes come out.
        reason: a sentence saying why it is that family.
        ends: the inputs and outputs of the file, which the prepared graph has in float32 with channels first.

    Examples:
        >>> import detquant
        >>> detector = detquant.load("yolov8-pico")
        >>> print(detector.reason)
        yolov8: output0 [1, 14, 1344] for an input of 256x256 is one output [1, 4 + classes, 1344] with 10 classes.
        >>> detector.is_quantized
        False
    """

    imported: ImportedModel
    model: ir.Model
    family: Family
    reason: str
    ends: Ends

    @property
    def is_quantized(self) -> bool:
        """Whether the graph holds quantised tensors already."""
        return any(node.op_type in _QDQ for node in self.model.graph)

    def require_float(self) -> None:
        """Refuses a model that is quantised already.

        Raises:
            ModelError: it has quantised tensors.
        """
        if self.is_quantized:
            raise ModelError(
                f"'{self.imported.path}' is quantised already (it has Q and DQ nodes): give the float model."
            )

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """The smallest and the largest number that pixels become: in the input, and behind the graph's arithmetic."""
        family = self.family
        known = {family.input_name: family.pixel_range}
        found = find_image_arithmetic(self.model)
        if found is not None:
            mean, std = np.asarray(family.form.mean), np.asarray(family.form.std)
            ends = (np.array([[0.0], [255.0]]) - mean) / std  # [2, channels of the input]
            read = ends[:, list(found.order)] * found.slope + found.offset
            known[found.end] = float(read.min()), float(read.max())
        return known

    @property
    def identity(self) -> dict[str, str]:
        """The model as plain values: "model", "model_sha256", "family", "family_reason"."""
        return {
            "model": str(self.imported.path),
            "model_sha256": self.imported.sha256,
            "family": self.family.name,
            "family_reason": self.reason,
        }

    @property
    def home(self) -> str:
        """The place that the file is for, a key of `detquant.targets.TARGETS`."""
        return self.imported.own.target if self.imported.own is not None else "ort"

    def opening(self, threads: int = 1, target: str = AUTO) -> Opening:
        """The user's own model, ready to run, and what there is to say of where it runs.

        In the runtime that the file was written for, the file itself runs. Elsewhere its graph does, not the prepared
        one, so whatever the passes gain or lose is not hidden. Only a model with free dimensions runs prepared, for
        the size that was chosen; and one whose precision, element types or layout the place does not take, see
        `runs_as_it_is`.

        Args:
            threads: number of threads of the runtime.
            target: name of the target whose runtime it is; "auto" for the file's own.

        Raises:
            ModelError, TargetError: the runtime refuses the model.
            MissingExtra: it is not installed.
        """
        return open_where(self.imported, self.model, self._graph, threads, target)

    def open(self, threads: int = 1, target: str = "ort") -> Runner:
        """The runner alone of `opening`: the baseline that everything is compared with."""
        return self.opening(threads, target).runner

    def _graph(self, place: Target) -> ir.Model:
        """The graph that a place runs, where it does not run the file itself."""
        return self.imported.model if self.runs_as_it_is(place) else self._taken_by(place)

    def graph_for(self, place: Target) -> ir.Model:
        """The float graph as a place runs it best; one that takes images alone gets no other inputs."""
        return place.rewrite(self._taken_by(place))

    def _taken_by(self, place: Target) -> ir.Model:
        return self.model if place.keeps_ends else with_frozen_inputs(self.model, self.family.given)

    def runs_as_it_is(self, place: Target) -> bool:
        """Whether a place runs the file's own graph, and not the prepared one: its sizes are fixed, its ends fit."""
        original = self.imported.model
        if any(static_shape(value) is None for value in original.graph.inputs):
            return False
        if place.keeps_ends:
            return not takes_codes(self.model, self.ends)
        return self.ends.plain and is_full_precision(original) and not self.family.given


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranger:
    """A model that can be read, but whose family cannot be told.

    Attributes:
        imported: the file as it was read.
        model: the graph of the file, prepared as far as that goes.
        problem: a sentence saying why it is of no family.
    """

    imported: ImportedModel
    model: ir.Model
    problem: str

    @property
    def ends(self) -> Ends:
        """The inputs and outputs of the file."""
        return ends_of(self.imported.model.graph)

    @property
    def is_quantized(self) -> bool:
        """Whether the graph holds quantised tensors already."""
        return any(node.op_type in _QDQ for node in self.model.graph)


@Keywords(ModelOptions)
def look_at(path: str | os.PathLike[str], options: ModelOptions) -> Detector | Stranger:
    """Reads a model, of whatever family: as `load`, but one that is of none is no error.

    Args:
        path: path of the model, as for `load`.
        options: as for `load`.

    Raises:
        ModelError: the file cannot be read, or an option makes no sense.
    """
    imported = _imported(path, options)
    try:
        model = prepare(imported.model, options.imgsz, own_ends=False)
    except ModelError as error:
        return Stranger(imported=imported, model=imported.model, problem=str(error))
    try:
        return _detector(imported, model, options)
    except ModelError as error:
        if options.family != "auto" or options.preprocess or options.reads or options.anchors:
            raise
        return Stranger(imported=imported, model=model, problem=str(error))


@Keywords(ModelOptions)
def load(path: str | os.PathLike[str], options: ModelOptions) -> Detector:
    """Reads a detector or a classifier, float or quantised.

    Args:
        path: path of the model file, or the name of an embedded model where no file has that name.
        options: see `ModelOptions`.

    Returns:
        The detector. Where its shapes leave open how boxes are meant, it has been run on a picture of noise.

    Raises:
        ModelError: the file cannot be read, is of no known family, or not of the family named; or a detector was
            given preprocessing, or words that mean nothing for its family.
        OptionError: a number is out of its bounds.

    Examples:
        >>> import detquant
        >>> detector = detquant.load("yolov8-pico")
        >>> detector.family.name, detector.family.width, detector.family.classes[:2]
        ('yolov8', 256, ('disc', 'ring'))
    """
    imported = _imported(path, options)
    return _detector(imported, prepare(imported.model, options.imgsz, own_ends=False), options)


def as_detector(model: str | os.PathLike[str] | Detector, options: ModelOptions) -> Detector:
    """The detector that is meant: one that was loaded already, or what a file holds.

    Args:
        model: a detector, or the path of its file.
        options: how the file is read.

    Raises:
        ModelError: as `load` does; or the detector was loaded already, and it is said how its file should be read.
    """
    own = reading_of(options)
    if not isinstance(model, Detector):
        return load(model, **own)
    late = [name for name, value in own.items() if value != getattr(ModelOptions, name)]
    if late:
        raise ModelError(
            f"'{model.imported.path}' was loaded already, so {' and '.join(late)} would change nothing: say it to "
            f"detquant.load, or give the path."
        )
    return model


def reading_of(options: ModelOptions) -> dict[str, Any]:
    """The options that `load` takes, by name."""
    return {one.name: getattr(options, one.name) for one in fields(ModelOptions)}


def _imported(path: str | os.PathLike[str], options: ModelOptions) -> ImportedModel:
    """The file, its metadata overruled by what was chosen."""
    imported = load_model(path, options.imgsz)
    chosen = {KEY: chosen_preprocessing(os.fspath(options.preprocess)).to_json()} if options.preprocess else {}
    chosen |= anchors_entry(options.anchors) if options.anchors else {}
    chosen |= reading_entry({**written_reading(imported.metadata), **parse_reading(options.reads or "")})
    return replace(imported, metadata={**imported.metadata, **chosen})


def _detector(imported: ImportedModel, model: ir.Model, options: ModelOptions) -> Detector:
    ends = ends_of(imported.model.graph)
    signature = signature_of(model, imported.metadata, element=element_of(model, ends), turned=imported.turned)
    signature = replace(signature, sample=on_noise(model), anchors=find_anchors(imported.model.graph))
    found, reason = find_family(signature, options.family)
    if options.preprocess and found.task != "classify":
        raise ModelError(
            f"'{imported.path}' is of the family {found.name}; --preprocess is for classifiers: say by --reads how a "
            f"detector is fed."
        )
    if options.anchors and not found.has_anchors:
        raise ModelError(f"--anchors means nothing for the family {found.name}, whose boxes need none: leave it out.")
    found.read_as(parse_reading(options.reads or ""))  # words that the family does not heed are the user's mistake
    model = fold_image_arithmetic(model)
    reason = f"{reason} {found.fed}" if found.fed else reason
    return Detector(imported=imported, model=model, family=found, reason=reason, ends=ends)
