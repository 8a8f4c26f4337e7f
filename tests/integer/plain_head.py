"""The integer head once more, cell by cell and pair by pair, in Python's own whole numbers and fractions."""

from __future__ import annotations

import math
from fractions import Fraction


def half_up(number):
    """A fraction to the nearest whole number, ties up."""
    return math.floor(number + Fraction(1, 2))


def exponential(step, below):
    return round(65535 * math.exp(-below * step))


def distance(codes, step):
    """The distance of one side in 256ths of a cell."""
    weights = [exponential(step, max(codes) - code) for code in codes]
    return half_up(256 * Fraction(sum(i * weight for i, weight in enumerate(weights)), sum(weights)))


def corner(middle, signed_distance, stride):
    """One end of a box in sixteenths of a pixel."""
    cells = Fraction(middle) + Fraction(1, 2) + Fraction(signed_distance, 256)
    return min(max(half_up(cells * stride * 16), -32768), 32767)


def box(column, row, sides, stride):
    left, top, right, bottom = sides
    pairs = [(column, -left), (row, -top), (column, right), (row, bottom)]
    return [corner(middle, side, stride) for middle, side in pairs]


def score(code, first, bits, step, zero):
    """The score of a code, with 16 fraction bits, between two of 256 known ones."""
    width = 1 << (bits - 8)

    def known(index):
        real = step * (first + index * width - zero)
        return min(65535, round(65536 / (1 + math.exp(-real))))

    index, rest = divmod(code - first, width)
    return half_up(known(index) + Fraction((known(index + 1) - known(index)) * rest, width))


def ordered(pairs, capacity):
    """The first of the candidates (code, cell, class), and how many there was no place for."""
    best = sorted(pairs, key=lambda one: (-one[0], one[1], one[2]))
    return best[:capacity], max(0, len(best) - capacity)


def overlap(one, other):
    """Overlap of two boxes as a fraction; None where both have no area."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    inter = max(0, width) * max(0, height)
    union = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (one, other)) - inter
    return Fraction(inter, union) if union else None


def kept(boxes, classes, threshold, limit):
    """Indices of the candidates that stay, best first."""
    found = []
    for index, (one, label) in enumerate(zip(boxes, classes, strict=True)):
        shares = [overlap(boxes[k], one) for k in found if classes[k] == label]
        if len(found) < limit and not any(share is not None and share > Fraction(threshold, 256) for share in shares):
            found.append(index)
    return found


def run(head, codes, grids):
    """What a head finds: (cell, class, code, score, box) of each, and the number of candidates left out."""
    pairs, places = [], []
    scores = grids[head.layout.levels[0].scores]
    first, bits = scores.qtype.qmin, scores.qtype.bits
    for level in head.layout.levels:
        for row in range(level.rows):
            for column in range(level.columns):
                logits = codes[level.scores][0, :, row, column].tolist()
                pairs += [(code, len(places), k) for k, code in enumerate(logits) if code >= head.threshold]
                places.append((level, row, column))
    best, left_out = ordered(pairs, head.capacity)
    boxes = []
    for _, cell, _ in best:
        level, row, column = places[cell]
        logits = codes[level.distances][0, :, row, column].reshape(4, -1).tolist()
        sides = [distance(one, float(grids[level.distances].scale)) for one in logits]
        boxes.append(box(column, row, sides, level.stride))
    stay = kept(boxes, [label for _, _, label in best], head.overlap, head.limit)
    step, zero = float(scores.scale), int(scores.zero_point)
    rows = [(best[k][1], best[k][2], best[k][0], score(best[k][0], first, bits, step, zero), boxes[k]) for k in stay]
    return rows, left_out
