"""The float graph as it was before a step took channels away: what a smaller network learns from, not what it is.

`QuantModel.reference` is the graph that is quantised. Where it computes less than the graph that was given, training
looks at that one, channel by channel of those that both have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import onnx_ir as ir

from detquant.numerics.arrays import Doubles, Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Left:
    """The channels of a value that are left.

    Attributes:
        axis: the axis that they run along.
        places: where they were, ``[channels]``.
    """

    axis: int
    places: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Original:
    """A float graph, and what of its values a smaller one still has.

    Attributes:
        model: the graph; operators and values have the names that they have in the smaller one.
        left: what is left of values that have lost channels, by name.
        divided: what channels were divided by that are left, by the value's name, where a step has made ranges alike.
    """

    model: ir.Model
    left: Mapping[str, Left]
    divided: Mapping[str, Floats] = field(default_factory=dict)

    def without(self, lost: Mapping[str, Left]) -> Original:
        """The same where more channels have gone: ``lost`` speaks of places among those that were left."""
        left, divided = dict(self.left), dict(self.divided)
        for name, now in lost.items():
            before = left.get(name)
            left[name] = now if before is None else Left(axis=now.axis, places=before.places[now.places])
            if name in divided:
                divided[name] = divided[name][now.places]
        return Original(model=self.model, left=left, divided=divided)

    def divided_by(self, scales: Mapping[str, Doubles]) -> Original:
        """The same where channels of the smaller graph were divided by something, by the value's name."""
        more = {name: np.asarray(s * self.divided.get(name, 1.0), np.float32) for name, s in scales.items()}
        return replace(self, divided={**self.divided, **more})
