from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "tflite"))  # what looks into layers
sys.path.append(str(Path(__file__).parent))

DATA = {"yolov8-pico": "scenes", "resnet-pico": "crops"}


@pytest.fixture(scope="session")
def artefact():
    """Makes the files of an embedded model, by the 8-bit recipe without its steps."""
    pytest.importorskip("ai_edge_litert", reason="the extra tflite is not installed")
    import detquant
    from detquant.pipeline.job import Job

    made = {}

    def make(name):
        if name not in made:
            wish = replace(detquant.load_recipe("w8a8"), steps=())
            place, data = detquant.load_target("ethosu"), detquant.open_dataset(DATA[name])
            job = Job(detector=detquant.load(name), dataset=data, recipe=wish, target=place, calib=4)
            made[name] = place.lower(job.run().model.qdq())
        return made[name]

    return make
