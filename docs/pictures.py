"""Makes the README's picture of the scenes:  python docs/pictures.py"""

from __future__ import annotations

from pathlib import Path

import cv2

from detquant.data.scenes import contact_sheet

WIDTH, QUALITY = 1250, 82

sheet = contact_sheet(rows=2, columns=5, seed=0, split="train")
height = round(sheet.shape[0] * WIDTH / sheet.shape[1])
small = cv2.resize(sheet, (WIDTH, height), interpolation=cv2.INTER_AREA)
cv2.imwrite(str(Path(__file__).parent / "scenes.jpg"), small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
