"""Writes all pictures, or those that are named:  cd docs && python -m drawings silu decode-tail"""

from __future__ import annotations

import sys
from pathlib import Path

from drawings import flow, grids, methods, ranges

PICTURES = {
    "decide": flow.decide,
    "scale": grids.scale,
    "symmetric": grids.symmetric,
    "channels": grids.channels,
    "four-bits": grids.four_bits,
    "static": ranges.static,
    "dynamic": ranges.dynamic,
    "silu": ranges.silu,
    "decode-tail": ranges.decode_tail,
    "qat": methods.qat,
    "pruning": methods.pruning,
    "clustering": methods.clustering,
}
FOLDER = Path(__file__).parents[1] / "pictures"


def main(names: list[str]) -> None:
    """Draws, and says what was written."""
    FOLDER.mkdir(exist_ok=True)
    for name in names or PICTURES:
        (FOLDER / f"{name}.svg").write_text(PICTURES[name]().text(), encoding="utf-8")
        print(f"docs/pictures/{name}.svg")


if __name__ == "__main__":
    main(sys.argv[1:])
