"""What the findings on a few images come to, and in which words it is said.

AP on 16 images is off by several points, and of some dozen hypotheses one always looks a little better. So another way
to read a model counts only where it finds at least `GAIN` points of AP50 more, and the present one less than `SHARE` of
that; and "finds nothing" only where there were enough objects to find.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from detquant.families import Family
from detquant.families.reading import reading_text
from detquant.pipeline.doctor.search import Finding
from detquant.pipeline.evaluate import NOTHING
from detquant.report.sheets.numbers import plural

HEALTHY = 40.0
"""AP50 from which nobody need look further."""
GAIN, GAIN_OF_FEW, SHARE = 15.0, 50.0, 0.75
ENOUGH_IMAGES, ENOUGH_OBJECTS = 4, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The judgement of how a model is fed and read.

    Attributes:
        sound: whether to go on with it as it is read.
        sentence: the reason, and what to do.
        option: option to give on the command line; empty where nothing is known to help.
    """

    sound: bool
    sentence: str
    option: str = ""


def judge(family: Family, now: Finding, best: Finding, *, images: int, objects: int) -> Verdict:
    """Whether the present way to read a model is wrong.

    Args:
        family: the family of the model, as it is read now.
        now: what it finds so.
        best: the best that was found.
        images: how many were looked at.
        objects: how many are labelled in them.
    """
    option = reads_option(family, best)
    found, most, seen = now.ap50 or 0.0, best.ap50 or 0.0, plural(images, "image")
    said = f"AP50 {most:.1f} on {seen}"
    as_now = f"AP50 is {found:.1f}"
    enough = images >= ENOUGH_IMAGES and objects >= ENOUGH_OBJECTS
    if best.changed and most - found >= (GAIN if enough else GAIN_OF_FEW) and found < SHARE * most:
        why = now.problem or "The model is probably read wrongly."
        otherwise = "" if now.problem else f"; as it is read now ('{reading_text(family.reading)}') {as_now}"
        return Verdict(
            sound=False,
            sentence=f"{why} Read as '{reading_text(best.changed)}' it gives {said}{otherwise}: give {option}.",
            option=option,
        )
    if now.ap50 is None:
        return Verdict(sound=False, sentence=now.problem)
    if found < NOTHING and enough:
        return Verdict(
            sound=False,
            sentence=f"The model finds nothing: AP50 is {found:.1f} on {seen} with {plural(objects, 'object')}, read "
            f"as '{reading_text(family.reading)}', and no other way to read it helps. Check that model and data belong "
            f"together, the order of the classes above all.",
        )
    if best.changed and most > found:
        return Verdict(
            sound=True,
            sentence=f"Nothing is clearly better than how the model is read now: {as_now} on {seen}, the best "
            f"other way ('{reading_text(best.changed)}', {option}) gives {most:.1f}, which so few images do not tell "
            f"apart.",
        )
    return Verdict(sound=True, sentence=f"The model is read as is best: {as_now} on {seen}.")


def reads_option(family: Family, finding: Finding) -> str:
    """The option to give on the command line so that a model is read as in a finding."""
    return f"--reads {shlex.quote(reading_text({**family.told, **finding.changed}))}"
