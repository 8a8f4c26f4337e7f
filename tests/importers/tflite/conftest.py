from __future__ import annotations

import sys
from pathlib import Path

# the nets and the ways to save them, and the fixtures, are those of the tests of TensorFlow
sys.path.append(str(Path(__file__).parent.parent / "tensorflow"))
sys.path.append(str(Path(__file__).parent))  # and one writer is beside this file

from tensorflow_fixtures import compare, tensorflow

__all__ = ["compare", "tensorflow"]
