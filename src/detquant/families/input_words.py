"""The words of a reading that speak of the network input, and the form that they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from detquant.errors import ModelError
from detquant.families.input_form import Form, Triple, WholeImage
from detquant.families.reading import INPUT_KINDS, Reading

RANGES: Mapping[str, tuple[Triple, Triple]] = {
    "0..1": ((0.0,) * 3, (255.0,) * 3),
    "0..255": ((0.0,) * 3, (1.0,) * 3),
    "-1..1": ((127.5,) * 3, (127.5,) * 3),
    "imagenet": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    "caffe": ((123.0, 117.0, 104.0), (1.0,) * 3),
}
"""Mean and standard deviation of red, green and blue, grey levels of 0 to 255."""

_RESIZES = {"top-left": "letterbox-top-left", "top-left-0": "letterbox-top-left-0"}
_SIZE_WORDS = {name: word for word, name in _RESIZES.items()}
_NEAR = 0.6
"""Grey levels by which written-out means differ that stand for the same: 104 or 103.94."""


def form_as(form: Form, reading: Reading) -> Form:
    """The form with what the words say changed; of the range the order of the channels is that of the result.

    Raises:
        ModelError: the model is a classifier, whose preprocessing is another matter.
    """
    said = {kind: reading[kind] for kind in INPUT_KINDS if kind in reading}
    if not said:
        return form
    if not isinstance(form, WholeImage):
        raise ModelError("--reads is for detectors: of a classifier, give the preprocessing by --preprocess.")
    rgb = said["channels"] == "rgb" if "channels" in said else form.rgb
    mean, std = form.mean, form.std
    if "range" in said:
        mean, std = RANGES[said["range"]]
    turned = ("range" in said and not rgb) or ("range" not in said and rgb != form.rgb)
    if turned:
        mean, std = mean[::-1], std[::-1]
    resize = _RESIZES.get(said["size"], said["size"]) if "size" in said else form.resize
    return replace(form, rgb=rgb, mean=mean, std=std, resize=resize)


def words_of_form(form: Form) -> Reading:
    """The words that a form stands for; a range that has no word is left out."""
    found = {"channels": "rgb" if form.rgb else "bgr", "size": _SIZE_WORDS.get(form.resize, form.resize)}
    mean, std = (form.mean, form.std) if form.rgb else (form.mean[::-1], form.std[::-1])
    for word, (known_mean, known_std) in RANGES.items():
        if np.allclose(mean, known_mean, rtol=0, atol=_NEAR) and np.allclose(std, known_std, rtol=0.02):
            found["range"] = word
    return found
