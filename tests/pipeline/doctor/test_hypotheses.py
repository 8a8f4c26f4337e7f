"""The readings that the doctor tries."""

from __future__ import annotations

from detquant.families import Signature, find_family
from detquant.pipeline.doctor.hypotheses import output_readings

IMAGE = {"images": (1, 3, 96, 96)}


def test_units_are_tried_alone_where_boxes_have_no_other_form() -> None:
    outputs = {
        f"{kind}{n}": (1, channels, 96 // n, 96 // n) for n in (8, 16, 32) for kind, channels in (("b", 4), ("c", 3))
    }
    readings = output_readings(find_family(Signature(IMAGE, outputs), "rtmdet-maps")[0])
    assert {"unit": "cells"} in readings and {"unit": "pixels"} in readings and {"unit": "parts"} not in readings


def test_other_families_are_never_read_in_cells() -> None:
    readings = output_readings(find_family(Signature(IMAGE, {"o": (1, 7, 189)}))[0])
    assert {"boxes": "xyxy", "unit": "parts"} in readings
    assert not any(reading.get("unit") == "cells" for reading in readings)
