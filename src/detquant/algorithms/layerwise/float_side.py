"""The float network's outputs of the layers at sampled positions: what each layer is solved for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from zlib import crc32

import numpy as np
import onnx_ir as ir

from detquant.algorithms._base import Context
from detquant.algorithms.layerwise.importance import Importance
from detquant.algorithms.layerwise.layer_form import LayerForm
from detquant.algorithms.layerwise.spilled import Spilled
from detquant.calibration import Images
from detquant.errors import CalibrationError
from detquant.graph.running import OrtRunner
from detquant.graph.taps import with_taps_only
from detquant.graph.values import static_shape
from detquant.numerics.arrays import Array, Floats, Ints


class FloatSide:
    """Outputs of layers at sampled positions of all images, kept in files.

    Args:
        forms: the layers, by name.
        wanted: names of those whose outputs are kept, all unless given. The others are given out all the same: with
            other outputs the runtime fuses other operators, and the last digits of all that follows are others.
        samples: positions of an image at most.
        seed: of the positions.
    """

    def __init__(
        self, forms: Mapping[str, LayerForm], wanted: Collection[str] | None = None, *, samples: int, seed: int
    ) -> None:
        self._forms, self._seed, self._samples = forms, seed, samples
        self._wanted = forms.keys() if wanted is None else wanted
        self._kept = dict[str, Spilled]()
        self._importance = Importance(None, None)

    def run(self, model: ir.Model, images: Images, context: Context) -> None:
        """Runs the float network on all images.

        Args:
            model: float graph.
            images: calibration images.
            context: threads, and who is told how far it is.

        Raises:
            CalibrationError: an output is not finite.
        """
        outputs = {node.name or "": node.outputs[0].name or "" for node in model.graph if node.name in self._forms}
        heads = [value.name or "" for value in model.graph.outputs]
        runner = OrtRunner(with_taps_only(model, dict.fromkeys([*outputs.values(), *heads])), context.threads)
        self._importance = Importance(context.damage.heads if context.damage else None, _image_size(model))
        for place, feed in enumerate(images):
            found = runner.run(feed)
            self._importance.see(place, {name: found[name] for name in heads})
            for name in self._wanted:
                self._keep(name, outputs[name], place, found[outputs[name]])
            context.tick("running the float network", place + 1, len(images))

    def _keep(self, name: str, tensor: str, place: int, output: Array) -> None:
        y = self._forms[name].outputs(output, self.positions(name, place))
        if not np.isfinite(y).all():
            raise CalibrationError(
                f"'{tensor}' is not finite on calibration image {place + 1} in the float model: look at that image, or "
                f"at the model's weights there."
            )
        if name not in self._kept:
            self._kept[name] = Spilled(y.shape, np.float32)
        self._kept[name].put(place, y)

    def positions(self, name: str, image: int) -> Ints:
        """The sampled positions of a layer's output on an image."""
        count = self._forms[name].positions
        if count <= self._samples:
            return np.arange(count)
        random = np.random.default_rng([self._seed, crc32(name.encode()), image])  # whatever other layers there are
        return np.sort(random.choice(count, self._samples, replace=False))

    def weights(self, name: str, image: int, positions: Ints) -> Floats:
        """How much each of these positions counts."""
        return self._importance.weights(self._forms[name], positions, image)

    def outputs(self, name: str, image: int) -> Floats:
        """A layer's outputs at these positions: ``[G, O, P]``."""
        return np.asarray(self._kept[name].at(image), np.float32)

    def forget(self, name: str) -> None:
        """Gives a layer's space back."""
        self._kept.pop(name).close()

    def close(self) -> None:
        """Gives all space back."""
        while self._kept:
            self._kept.popitem()[1].close()


def _image_size(model: ir.Model) -> tuple[int, int] | None:
    """Rows and columns of the image that the network is given."""
    shape = static_shape(model.graph.inputs[0]) if model.graph.inputs else None
    return (shape[2], shape[3]) if shape is not None and len(shape) == 4 else None
