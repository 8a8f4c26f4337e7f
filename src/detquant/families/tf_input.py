"""What goes into the detectors of TensorFlow's Object Detection API: RGB, stretched, -1 to 1 or as it is.

Where a graph begins by scaling or shifting its input, it takes pixels of 0 to 255 and brings them to -1 to 1 itself.
Where that step has been folded into the first layer, nothing in the graph tells it: then the file has to say so, by
`detquant.input_range` in its metadata, "0..255" or "-1..1".
"""

from __future__ import annotations

from detquant.families.fed import form_entry
from detquant.families.input_form import Form, WholeImage
from detquant.families.signature import Inside, Signature

RANGE_KEY = "detquant.input_range"
PIXELS, UNIT = "0..255", "-1..1"
AS_IT_IS, CENTRED = WholeImage(rgb=True), WholeImage(rgb=True, mean=(127.5,) * 3, std=(127.5,) * 3)
_SCALES_OR_SHIFTS = frozenset({"Add", "BatchNormalization", "Div", "Mul", "Sub"})


def tf_form(signature: Signature) -> Form:
    """0 to 255 where the file says so, or where the graph scales or shifts before all else; else -1 to 1."""
    said = signature.metadata.get(RANGE_KEY)
    if said in (PIXELS, UNIT):
        return AS_IT_IS if said == PIXELS else CENTRED
    name, _, _ = signature.image_input()
    if signature.inside != Inside(element=signature.inside.element, gain=signature.inside.gain):
        return CENTRED  # the arithmetic is known, so what to feed follows from it; see `detquant.families.fed`
    return AS_IT_IS if signature.ends.get(name) in _SCALES_OR_SHIFTS else CENTRED


def input_range(form: Form) -> dict[str, str]:
    """The entry for the metadata."""
    if form not in (AS_IT_IS, CENTRED):
        return form_entry(form)
    return {RANGE_KEY: PIXELS if form == AS_IT_IS else UNIT}
