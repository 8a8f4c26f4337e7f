"""Models of grey images: one channel, which is what the eye sees of the three.

Their exporters divide by 255, or take off one mean and divide by one deviation; of a family whose channels have
different ones, the means over the channels are taken.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from detquant.families.input_form import Form, Triple, WholeImage
from detquant.families.preprocessing import Preprocessing
from detquant.numerics.arrays import Pixels


def as_grey(image: Pixels) -> Pixels:
    """The image without its colours, three times (ITU-R BT.601, as OpenCV weighs the channels).

    Args:
        image: uint8 [height, width, 3], BGR.
    """
    return np.asarray(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8)


def grey_form(form: Form) -> Form:
    """The form with the same numbers for all channels."""
    assert isinstance(form, (WholeImage, Preprocessing)), "all forms there are"
    return replace(form, mean=_same(form.mean), std=_same(form.std))


def _same(values: Triple) -> Triple:
    middle = float(np.mean(values))
    return middle, middle, middle
