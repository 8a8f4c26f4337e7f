"""Whether a model is fed and read as it was trained to be: what it finds on a few images, read in one way and another.

A model that is fed wrongly does not fail, it finds nothing, or less. So a few images with known objects are shown to
it in other ways (`hypotheses`), one thing changed at a time and the best kept (`search`); where another way finds far
more than the present one, the present one is wrong (`verdict`). Where no objects are known, only how much it finds
tells (`unlabelled`).
"""

from __future__ import annotations

from detquant.pipeline.doctor.examination import diagnose, require_sound

__all__ = ["diagnose", "require_sound"]
