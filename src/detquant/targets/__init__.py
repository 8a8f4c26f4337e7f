"""Places to run, one file each, loaded when named."""

from __future__ import annotations

import importlib

from detquant.errors import TargetError, unknown_name
from detquant.targets._base import Artefact, Runner, Target

TARGETS = {"ort": "detquant.targets.ort:Ort"}


def load_target(name: str) -> Target:
    """The target with this name.

    Raises:
        TargetError: there is none.
    """
    if name not in TARGETS:
        raise TargetError(unknown_name("target", name, TARGETS))
    module, _, cls = TARGETS[name].partition(":")
    target: Target = getattr(importlib.import_module(module), cls)()
    return target


__all__ = ["TARGETS", "Artefact", "Runner", "Target", "load_target"]
