"""What to feed a graph that scales its image, takes a mean off it, or turns its channels by itself.

A family's form says what its networks read of an image p: y = (p - mean) / std, in RGB or BGR. Where the graph begins
with arithmetic of its own, y[c] = slope[c] x[order[c]] + offset[c], what to feed is the x for which both agree:

    x[order[c]] = (p[c] - mean'[c]) / std'[c]      mean' = mean + std offset      std' = std slope

1. If that is one of the `RANGES`, it is fed: the arithmetic is the family's preprocessing, or the part of it that is
   missing outside. So are the family's own numbers where the graph only turns the channels.
2. Otherwise the network behind the arithmetic was trained with other numbers than the family's, and the arithmetic
   alone tells what it takes: one that takes off a mean of grey levels, or divides by some hundred, takes pixels of 0 to
   255; one that takes off a mean below 1, or multiplies, takes 0 to 1; one that adds, -1 to 1. Every known mean has
   more red than blue, so the means tell the order of the channels too; equal ones leave it to the family.
3. An input of whole numbers takes pixels, int8 those less 128: there is nothing else to feed it.
4. Where nothing tells, the family's form stays.

A converter may have taken all of this into the weights of the first layer, as OpenVINO does; then no operator is left
to read it from. Two traces are: what it has named them after (`Inside.turned`), and their size (`Inside.gain`): trained
first layers answer an image with numbers around 1 (0.5 to 5 in seven detectors), and weights that were made for 0 to
255 are as much smaller than those for 0 to 1.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from detquant.families.input_form import Form, Triple, WholeImage
from detquant.families.preprocessing import Preprocessing
from detquant.families.signature import Inside
from detquant.numerics.arrays import Doubles

KEY = "detquant.input"
"""Key of the metadata that says as JSON how an image goes into the file, where that is not as its family has it."""

PIXELS, SIGNED = (0.0, 1.0), (128.0, 1.0)
RANGES = {
    PIXELS: "0 to 255",
    (0.0, 255.0): "0 to 1",
    (127.5, 127.5): "-1 to 1",
    SIGNED: "-128 to 127",
}
"""Ranges that can be fed, in words, by (mean, std)."""
UNIT, CENTRED = (0.0, 255.0), (127.5, 127.5)
_GREY_LEVEL, _PART = 1.0, 0.02
"""How far a mean and, as a share, a standard deviation may be off: 1/256 is 1/255, and 123.68 is 123.675."""
_NOTHING = 1e-3
_CLEAR = 0.04
"""Difference of red and blue, as a share of a mean, that tells which is which."""
_FAINT = 1 / 40
_IN_ORDER, _TURNED = (0, 1, 2), (2, 1, 0)


def fed_form(form: Form, inside: Inside) -> Form:
    """The form of what goes into a graph: the family's, or another where the graph does a part of it by itself.

    Args:
        form: form of what the family's networks read.
        inside: what the graph does to the image before these networks.
    """
    if inside.order not in (_IN_ORDER, _TURNED):
        return form
    network = _flipped(form) if inside.turned else form  # whose first weights are as they were trained
    turns, whole = inside.order == _TURNED, _is_whole(inside)
    if not whole and not _is_faint(form, inside) and _is_idle(inside):
        return _flipped(network) if turns else network
    fed, rgb = _by_family(network, inside), network.rgb
    if whole or _is_faint(form, inside):
        rgb = rgb if fed else _means_say_rgb(inside, rgb)
        fed = SIGNED if inside.element == "int8" else PIXELS  # case 3
    elif fed is None:
        fed, rgb = _by_arithmetic(inside), _means_say_rgb(inside, rgb)
    if fed is None:
        return form  # case 4
    return _with(form, rgb != turns, (fed[0],) * 3, (fed[1],) * 3)


def said(form: Form, own: Form, inside: Inside) -> str | None:
    """A sentence on what a graph does to its image and what it is fed; None where it does nothing.

    Args:
        form: form of what goes into the graph.
        own: form of what the family's networks read.
        inside: what the graph does to the image before these networks.
    """
    does = _does(inside, faint=_is_faint(own, inside))
    if not does:
        return f"The file says that it is fed {input_words(form)}." if form != own else None
    listed = " and ".join([*([", ".join(does[:-1])] if does[1:] else []), does[-1]])
    return f"The graph {listed}: it is fed {input_words(form)}."


def _is_whole(inside: Inside) -> bool:
    return inside.element.startswith(("int", "uint"))


def _is_faint(form: Form, inside: Inside) -> bool:
    """Whether the first weights are far too small for numbers of the family's range."""
    gain = inside.gain if _is_idle(inside) else None
    return gain is not None and gain / float(np.mean(form.std)) < _FAINT


def _is_idle(inside: Inside) -> bool:
    return bool(np.allclose(inside.slope, 1, atol=_NOTHING) and np.allclose(inside.offset, 0, atol=_NOTHING))


def _by_family(form: Form, inside: Inside) -> tuple[float, float] | None:
    """The range to feed by the family's preprocessing, a key of RANGES (case 1); None where it is none of these."""
    std = np.asarray(form.std) * inside.slope
    mean = np.asarray(form.mean) + np.asarray(form.std) * inside.offset
    for known in RANGES:
        if np.allclose(std, known[1], rtol=_PART) and np.allclose(mean, known[0], rtol=0, atol=_GREY_LEVEL):
            return known
    return None


def _by_arithmetic(inside: Inside) -> tuple[float, float] | None:
    """The range to feed by the numbers that the arithmetic makes 0 (case 2); None where nothing tells."""
    slope = np.abs(inside.slope)
    middle = -np.asarray(inside.offset) / inside.slope
    far = float(middle[np.abs(middle).argmax()])
    if abs(far) > 1.5:
        return PIXELS if far > 0 else SIGNED
    if abs(far) > _NOTHING:
        return UNIT if far > 0 else CENTRED
    return PIXELS if slope.max() < 1 / 16 else UNIT if slope.min() > 1 else None


def _means_say_rgb(inside: Inside, otherwise: bool) -> bool:
    """Whether the network reads RGB, by the means of its channels."""
    middle = -np.asarray(inside.offset) / inside.slope
    if abs(middle[0] - middle[2]) <= _CLEAR * np.abs(middle).max():
        return otherwise
    return bool(middle[0] > middle[2])


def _flipped(form: Form) -> Form:
    """The form of the same numbers with the channels in the other order."""
    return _with(form, not form.rgb, form.mean[::-1], form.std[::-1])


def _with(form: Form, rgb: bool, mean: Triple, std: Triple) -> Form:
    assert isinstance(form, (WholeImage, Preprocessing)), "all forms there are"
    return replace(form, rgb=rgb, mean=mean, std=std)


def _does(inside: Inside, *, faint: bool) -> list[str]:
    """Clauses on what the graph does to its image."""
    middle, scale = -np.asarray(inside.offset) / inside.slope, 1 / np.asarray(inside.slope)
    return [
        *([f"takes {inside.element}"] if inside.element != "float32" else []),
        *([] if _is_idle(inside) else [f"computes {_formula(middle, scale)}"]),
        *(["has first weights as small as for pixels of 0 to 255"] if faint else []),
        *(["turns the channels"] if inside.order == _TURNED else []),
        *(["has first weights whose channels its converter turned"] if inside.turned else []),
    ]


def _formula(middle: Doubles, scale: Doubles) -> str:
    top = f"(x - {_numbers(middle)})" if np.abs(middle).max() > _NOTHING else "x"
    return f"{top} / {_numbers(scale)}" if not np.allclose(scale, 1) else top


def _numbers(values: Doubles) -> str:
    texts = [f"{value:.4g}" for value in values]
    return texts[0] if len(set(texts)) == 1 else f"[{', '.join(texts)}]"


def input_words(form: Form) -> str:
    """Order and range of a form."""
    kinds = {(mean, std) for mean, std in zip(form.mean, form.std, strict=True)}
    name = RANGES.get(next(iter(kinds))) if len(kinds) == 1 else None
    numbers = name or _formula(np.asarray(form.mean), np.asarray(form.std))
    return f"{'RGB' if form.rgb else 'BGR'} {numbers}"


def form_entry(form: Form) -> dict[str, str]:
    """The entry for the metadata of a file that takes an image in this form."""
    return {KEY: json.dumps({"rgb": form.rgb, "mean": form.mean, "std": form.std})}


def written_form(form: Form, metadata: Mapping[str, str]) -> Form | None:
    """The family's form with what a file says of its input; None where it says nothing, or nothing that makes sense."""
    try:
        said = json.loads(metadata[KEY])
        rgb, mean, std = said["rgb"], _triple(said["mean"]), _triple(said["std"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    if not isinstance(rgb, bool) or not np.isfinite([*mean, *std]).all() or 0 in std:
        return None
    return _with(form, rgb, mean, std)


def _triple(values: object) -> Triple:
    if not isinstance(values, (list, tuple)):
        raise TypeError("a list of three numbers")
    first, second, third = (float(value) for value in values)
    return first, second, third
