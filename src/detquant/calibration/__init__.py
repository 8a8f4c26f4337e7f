"""From images to grids: streaming statistics, range estimators, weight grids."""

from __future__ import annotations

from detquant.calibration.calibrate import activation_grids, calibrate, with_weight_grids
from detquant.calibration.collect import Collector, Feed, Feeds
from detquant.calibration.images import Images
from detquant.calibration.informativeness import informativeness, most_informative
from detquant.calibration.invariants import invariant_violation, weight_limits
from detquant.calibration.limits import WeightLimits
from detquant.calibration.note import Note, Speaker
from detquant.calibration.observers import OBSERVERS, Observer, TensorView, observer
from detquant.calibration.quant_model import QuantModel
from detquant.calibration.statistics import Statistics, statistics_key
from detquant.calibration.weights import weight_grid

__all__ = [
    "OBSERVERS",
    "Collector",
    "Feed",
    "Feeds",
    "Images",
    "Note",
    "Observer",
    "QuantModel",
    "Speaker",
    "Statistics",
    "TensorView",
    "WeightLimits",
    "activation_grids",
    "calibrate",
    "informativeness",
    "invariant_violation",
    "most_informative",
    "observer",
    "statistics_key",
    "weight_grid",
    "weight_limits",
    "with_weight_grids",
]
