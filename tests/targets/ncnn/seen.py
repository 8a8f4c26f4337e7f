"""What the tests look through: every blob of an open model, and codes as ncnn rounds to them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import ncnn
import numpy as np

LARGEST = 127


class Blobs:
    """A model of which every blob can be taken out."""

    def __init__(self, artefact, feed):
        lines = [line.split() for line in artefact.files["model.param"].decode().splitlines()[2:]]
        self.layers = [(words[0], words[1], *_ends(words)) for words in lines]
        self._net = ncnn.Net()
        self._net.opt.num_threads, self._net.opt.lightmode = 1, False
        with tempfile.TemporaryDirectory() as folder:
            for name, content in artefact.files.items():
                Path(folder, name).write_bytes(content)
            assert not self._net.load_param(f"{folder}/model.param") and not self._net.load_model(f"{folder}/model.bin")
        self._extractor = self._net.create_extractor()
        for name, array in feed.items():
            self._extractor.input(name, ncnn.Mat(np.ascontiguousarray(array[0])).clone())

    def __getitem__(self, name):
        code, found = self._extractor.extract(name)
        assert not code
        return np.array(found)[None]


def _ends(words):
    takes, gives = int(words[2]), int(words[3])
    parameters = dict(word.split("=") for word in words[4 + takes + gives :])
    return words[4 : 4 + takes], words[4 + takes : 4 + takes + gives], parameters


def codes_of(x, scale):
    """Codes on a grid around zero: times one over the scale, half away from zero, within 127 either way."""
    steps = x.astype(np.float32) * (np.float32(1) / np.float32(scale))
    return np.clip(np.trunc(steps + np.copysign(np.float32(0.5), steps)), -LARGEST, LARGEST).astype(np.int64)
