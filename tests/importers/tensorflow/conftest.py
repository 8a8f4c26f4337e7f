from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))  # tests share the nets and the ways to save them beside this file

from tensorflow_fixtures import compare, tensorflow

__all__ = ["compare", "tensorflow"]
