"""From images to grids: streaming statistics, range estimators, weight grids."""

from __future__ import annotations

from detquant.calibration.calibrate import activation_grids, calibrate, with_weight_grids
from detquant.calibration.collect import Collector, Feed, Feeds, Progress
from detquant.calibration.images import Images
from detquant.calibration.interest import interest, telling
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
    "Observer",
    "Progress",
    "QuantModel",
    "Statistics",
    "TensorView",
    "activation_grids",
    "calibrate",
    "interest",
    "observer",
    "statistics_key",
    "telling",
    "weight_grid",
    "with_weight_grids",
]
