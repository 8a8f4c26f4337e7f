"""How well two boxes fit: complete IoU (Zheng et al., Enhancing Geometric Factors, 2020, eq. 10-12).

    CIoU = IoU - d^2 / c^2 - alpha * v
    v = 4 / pi^2 * (atan(w / h) - atan(w' / h'))^2      alpha = v / (1 - IoU + v)

d is the distance of the centres, c the diagonal of the smallest box around both. alpha takes no gradient.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

EPS = 1e-7


def ciou(one: Tensor, other: Tensor) -> Tensor:
    """CIoU of pairs of boxes.

    Args:
        one: [..., 4], xyxy; the leading shapes broadcast.
        other: [..., 4], xyxy, in the same unit.

    Returns:
        [...], from about -1.5 to 1.
    """
    size, other_size = one[..., 2:] - one[..., :2], other[..., 2:] - other[..., :2]
    low, high = torch.maximum(one[..., :2], other[..., :2]), torch.minimum(one[..., 2:], other[..., 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    iou = shared / (size.prod(-1) + other_size.prod(-1) - shared + EPS)
    around = torch.maximum(one[..., 2:], other[..., 2:]) - torch.minimum(one[..., :2], other[..., :2])
    diagonal = around.square().sum(-1) + EPS
    apart = (one[..., :2] + one[..., 2:] - other[..., :2] - other[..., 2:]).square().sum(-1) / 4
    v = 4 / math.pi**2 * (_angle(size) - _angle(other_size)).square()
    with torch.no_grad():
        alpha = v / (v - iou + 1 + EPS)
    return iou - apart / diagonal - alpha * v


def _angle(size: Tensor) -> Tensor:
    return torch.atan(size[..., 0] / (size[..., 1] + EPS))
