from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "targets"))  # given_codes, with which tests of targets quantise
