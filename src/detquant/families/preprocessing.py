"""How a classifier wants its images: the settings that training fixed and that no graph tells.

A setting is one of the known ones by name, or is written out, as JSON in a file's metadata or as a TOML file of the
same keys::

    rgb = true
    mean = [123.675, 116.28, 103.53]    # of the channels in their order, 0 to 255
    std = [58.395, 57.12, 57.375]
    crop = 0.875                        # of the short side; the rest is cut off
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import cv2
import numpy as np

from detquant.errors import ModelError, unknown_name
from detquant.families.geometry import Geometry
from detquant.families.input_form import Triple
from detquant.families.letterbox import as_tensor
from detquant.numerics.arrays import Floats, Pixels
from detquant.untrusted import one_line, read_text

_LARGEST = 1 << 20
_TOO_MUCH = 1e9
_GREY_LEVELS = (255.0, 255.0, 255.0)
_IMAGENET_MEAN, _IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
_KEYS = "rgb (true or false), mean and std (three numbers each, std not 0) and crop (above 0, at most 1)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """Resize, centre crop, (x - mean) / std.

    Attributes:
        rgb: order of the channels; False means BGR.
        mean: means of the channels in that order, grey levels of 0 to 255.
        std: standard deviations of the channels, as `mean`.
        crop: share of the resized image's short side that the network sees.
    """

    rgb: bool = True
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = _GREY_LEVELS
    crop: float = 1.0

    @property
    def resize(self) -> str:
        """The short side fits, and the rest is cut off."""
        return "crop"

    def __call__(self, image: Pixels, height: int, width: int) -> tuple[Floats, Geometry]:
        """Makes a network input.

        Args:
            image: uint8 [h, w, 3], BGR.
            height: height of the input, pixels.
            width: width of the input, pixels.

        Returns:
            float32 [1, 3, height, width], and how the image was mapped.
        """
        h, w = image.shape[:2]
        scale = max(height / h, width / w) / self.crop
        inner_h, inner_w = max(round(h * scale), height), max(round(w * scale), width)
        if (inner_h, inner_w) != (h, w):
            how = cv2.INTER_AREA if scale < 0.5 else cv2.INTER_LINEAR
            image = np.asarray(cv2.resize(image, (inner_w, inner_h), interpolation=how), np.uint8)
        top, left = (inner_h - height) // 2, (inner_w - width) // 2
        window = np.ascontiguousarray(image[top : top + height, left : left + width])
        place = Geometry(height=h, width=w, scale_x=inner_w / w, scale_y=inner_h / h, pad_x=-left, pad_y=-top)
        return as_tensor(window, rgb=self.rgb, mean=self.mean, std=self.std), place

    def to_json(self) -> str:
        """The settings as the entry for a file's metadata."""
        return json.dumps(asdict(self))


PREPROCESSING = {
    "unit": Preprocessing(),
    "imagenet": Preprocessing(mean=_IMAGENET_MEAN, std=_IMAGENET_STD, crop=0.875),
    "imagenet-uncropped": Preprocessing(mean=_IMAGENET_MEAN, std=_IMAGENET_STD),
    "tensorflow": Preprocessing(mean=(127.5,) * 3, std=(127.5,) * 3, crop=0.875),
    "caffe": Preprocessing(rgb=False, mean=(104.0, 117.0, 123.0), std=(1.0,) * 3, crop=227 / 256),
}
"""Settings by name: Ultralytics' 0 to 1, torchvision's and for whole images (CIFAR), TensorFlow's -1 to 1, Caffe's."""


def chosen_preprocessing(text: str) -> Preprocessing:
    """The settings that a user names.

    Args:
        text: a key of PREPROCESSING, or the path of a .toml file.

    Raises:
        ModelError: neither, or a setting has a value that does not fit.
    """
    if text in PREPROCESSING:
        return PREPROCESSING[text]
    if not text.endswith(".toml"):
        raise ModelError(f"{unknown_name('preprocessing', text, PREPROCESSING)} A .toml file will do as well.")
    try:
        return _checked(tomllib.loads(read_text(text, _LARGEST)), f"'{text}'")
    except OSError as error:
        raise ModelError(f"'{text}' cannot be read: {error.strerror}.") from error
    except RecursionError as error:
        raise ModelError(f"'{text}' is not a TOML file: it nests too deeply.") from error
    except ValueError as error:
        raise ModelError(f"'{text}' is not a TOML file: {one_line(str(error), 160)}.") from error


def written_preprocessing(text: str) -> Preprocessing:
    """The settings that stand in a file's metadata; no path in it is followed.

    Args:
        text: a key of PREPROCESSING, or JSON.

    Raises:
        ModelError: neither, or a setting has a value that does not fit.
    """
    if text in PREPROCESSING:
        return PREPROCESSING[text]
    where = "The preprocessing in the model's metadata"
    try:
        return _checked(json.loads(text), where)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{where} is neither JSON nor one of: {', '.join(PREPROCESSING)}.") from error


def _checked(content: object, where: str) -> Preprocessing:
    if not isinstance(content, Mapping) or not set(content) <= set(Preprocessing.__slots__):
        raise ModelError(f"{where} holds other keys than expected: {_KEYS}.")
    crop = content.get("crop", 1.0)
    fit = (
        isinstance(content.get("rgb", True), bool)
        and _is_number(crop)
        and 0 < crop <= 1
        and all(_is_triple(content.get(key, _GREY_LEVELS)) for key in ("mean", "std"))
        and 0 not in content.get("std", _GREY_LEVELS)
    )
    if not fit:
        raise ModelError(f"{where} holds a value that does not fit: expected {_KEYS}.")
    triples = {key: tuple(map(float, content[key])) for key in ("mean", "std") if key in content}
    return Preprocessing(**{**content, **triples})


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _TOO_MUCH


def _is_triple(value: object) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 3 and all(map(_is_number, value))
