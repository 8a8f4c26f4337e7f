"""Makes the README's pictures, the second of them from what `make demo` left:  python docs/pictures.py"""

from __future__ import annotations

from pathlib import Path

import cv2

from detquant.data.scenes import contact_sheet

DOCS, WIDTH, QUALITY = Path(__file__).parent, 1250, 84

pictures = {
    "scenes.jpg": contact_sheet(rows=2, columns=5, seed=0, split="train"),
    "comparison.jpg": cv2.imread("demo-out/comparison.png"),
}
for name, picture in pictures.items():
    if picture is None:
        raise SystemExit("demo-out/comparison.png is not there: run make demo first.")
    height = round(picture.shape[0] * WIDTH / picture.shape[1])
    small = cv2.resize(picture, (WIDTH, height), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(DOCS / name), small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
