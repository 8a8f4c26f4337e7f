"""PP-YOLOE and PP-YOLOE+, not decoded: raw maps of distances and class scores.

From PaddlePaddle/PaddleDetection, ``ppdet/modeling/heads/ppyoloe_head.py``: points are the middles of cells
(``grid_cell_offset``), distributions have 17 bins (``reg_max`` 16), scores are behind the sigmoid. Of each stride there
is [1, 68, rows, columns] of distributions, as airockchip/rknn_model_zoo has it, perhaps with the sum of the scores; or
[1, 4, rows, columns] behind ``proj_conv``. Images are prepared as `detquant.families.paddle_input` says, else as
PP-YOLOE+ has it.
"""

from __future__ import annotations

from detquant.families.boxes_scores import PPYOLOE
from detquant.families.distance_maps import DistanceMaps
from detquant.families.input_form import WholeImage
from detquant.families.paddle_input import KEY, paddle_entry, told_form
from detquant.families.signature import Signature


class PPYOLOEMaps(DistanceMaps):
    """RGB 0-1, stretched; per stride 4 distributions over 17 bins, or 4 distances in cells, and class scores."""

    name = "ppyoloe-maps"
    mark = "whose file says so, being shaped as YOLOv6's maps"
    nms_iou = PPYOLOE.nms_iou
    max_detections = PPYOLOE.max_detections
    form: WholeImage = PPYOLOE.form
    input_key = KEY
    bins = (17, 1)

    def read_facts(self, signature: Signature) -> None:
        """Where distances and classes stand, and how its reader prepares images, where the file tells."""
        super().read_facts(signature)
        self.form = told_form(signature.metadata) or PPYOLOE.form

    def facts(self) -> dict[str, str]:
        """How images are prepared, for files that are made from this one."""
        return paddle_entry(self.form)
