from __future__ import annotations

import sys
from pathlib import Path

# benchmarks is a folder of scripts that import one another; processes started by a test import from this one
sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))
