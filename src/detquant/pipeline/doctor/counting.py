"""What a model finds in images that nobody has labelled, fed in one way and another."""

from __future__ import annotations

from collections.abc import Sequence

from detquant.families import Detections, Family
from detquant.families.reading import Reading
from detquant.pipeline.doctor.hypotheses import changes, input_words, oddity
from detquant.pipeline.doctor.pictures import Pictures
from detquant.pipeline.doctor.search import Finding
from detquant.pipeline.finite import require_finite
from detquant.targets import Runner, fitted

MANY = 50
"""Number of objects in an image above which they are noise."""


def look(family: Family, runner: Runner, pictures: Pictures) -> list[Detections]:
    """The confident detections of each image."""
    found = []
    for path, image in pictures:
        tensor, geometry = family.preprocess(image)
        outputs = runner.run(fitted(runner, family.feeds(tensor)))
        require_finite(outputs, path)
        found.append(family.confident_detections(family.decode(outputs, geometry)))
    return found


def count_otherwise(family: Family, runner: Runner, pictures: Pictures) -> list[Finding]:
    """How many objects a model is confident of when one thing of its input is changed, or grey levels and order both.

    Returns:
        Without AP: those that do not find them everywhere first, of these what is most the family's own.
    """
    words = input_words(family, same_aspect=True)
    levels: list[Reading] = [{"range": word} for word in words.get("range", ())]
    orders: list[Reading] = [{"channels": word} for word in words.get("channels", ())]
    tried = [changes(family, {**one, **other}) for one in levels for other in orders]
    findings = [_counted(family, one, runner, pictures) for one in tried if one]
    most = MANY * len(pictures)
    return sorted(findings, key=lambda one: (one.objects > most, oddity(family, one.changed), -one.objects))


def helps(findings: Sequence[Finding], pictures: Pictures) -> Finding | None:
    """The first of the findings, if it finds an object in every other image at least, and not everywhere."""
    plain = [one for one in findings if len(pictures) / 2 <= one.objects <= MANY * len(pictures)]
    return plain[0] if plain else None


def _counted(family: Family, changed: Reading, runner: Runner, pictures: Pictures) -> Finding:
    objects = sum(map(len, look(family.read_as(changed), runner, pictures)))
    return Finding(changed=changed, ap=None, ap50=None, objects=objects)
