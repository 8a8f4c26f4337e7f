"""From images to grids: streaming statistics, range estimators, weight grids."""

from __future__ import annotations

from detquant.calibration.allowed_codes import AllowedCodes, drawn_to_zero, nearest_of
from detquant.calibration.calibrate import activation_grids, calibrate, with_weight_grids, with_weights_on
from detquant.calibration.collect import Collector, Feed, Feeds
from detquant.calibration.images import Images
from detquant.calibration.informativeness import informativeness, most_informative
from detquant.calibration.invariants import invariant_violation, weight_limits
from detquant.calibration.limits import WeightLimits
from detquant.calibration.note import Curve, Note, Speaker
from detquant.calibration.observers import OBSERVERS, Observer, TensorView, observer
from detquant.calibration.original import Left, Original
from detquant.calibration.quant_model import QuantModel
from detquant.calibration.statistics import Statistics, statistics_key
from detquant.calibration.weights import WeightGrid, weight_grid, weight_on_grid

__all__ = [
    "OBSERVERS",
    "AllowedCodes",
    "Collector",
    "Curve",
    "Feed",
    "Feeds",
    "Images",
    "Left",
    "Note",
    "Observer",
    "Original",
    "QuantModel",
    "Speaker",
    "Statistics",
    "TensorView",
    "WeightGrid",
    "WeightLimits",
    "activation_grids",
    "calibrate",
    "drawn_to_zero",
    "informativeness",
    "invariant_violation",
    "most_informative",
    "nearest_of",
    "observer",
    "statistics_key",
    "weight_grid",
    "weight_limits",
    "weight_on_grid",
    "with_weight_grids",
    "with_weights_on",
]
