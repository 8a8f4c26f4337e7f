from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
for folder in (Path(__file__).parent, ROOT / "docs" / "_ext", ROOT / "docs", ROOT / "benchmarks", ROOT / "training"):
    sys.path.append(str(folder))
