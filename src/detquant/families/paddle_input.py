"""How PaddleDetection's readers prepare images, as an entry in the metadata of a file.

Its exporter writes `infer_cfg.yml` beside each model. Under the key `detquant.paddle` stands what that says, as JSON:

    {"mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375], "keep_ratio": false}

with the channels in the order red, green, blue, in grey levels of 0 to 255. With `keep_ratio` the image keeps its
aspect in the top left corner; what is padded there is grey.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from detquant.families.input_form import WholeImage

KEY = "detquant.paddle"
PLAIN = WholeImage(rgb=True, std=(255.0,) * 3)
IMAGENET = WholeImage(rgb=True, mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))
CORNER = "letterbox-top-left"


def told_form(metadata: Mapping[str, str]) -> WholeImage | None:
    """What the metadata says of the input; None where it says nothing, or nothing that makes sense."""
    try:
        said = json.loads(metadata[KEY])
        mean, std = ([float(one) for one in said[key]] for key in ("mean", "std"))
        resize = CORNER if said["keep_ratio"] is True else "stretch"
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    if len(mean) != 3 or len(std) != 3 or not np.isfinite([*mean, *std]).all() or 0 in std:
        return None
    return replace(PLAIN, resize=resize, mean=(mean[0], mean[1], mean[2]), std=(std[0], std[1], std[2]))


def paddle_entry(form: WholeImage) -> dict[str, str]:
    """The entry for the metadata of a file that takes images in this form."""
    said = {"mean": form.mean, "std": form.std, "keep_ratio": form.resize == CORNER}
    return {KEY: json.dumps(said)}
