"""From the names in a study to "module:function": built in, registered by a package, or the user's own."""

from __future__ import annotations

import re

from prunepipe.datasets.corruptions import CORRUPTIONS
from prunepipe.errors import unknown_name
from prunepipe.networks.torchvision_names import TORCHVISION_MODELS
from prunepipe.plugins import registered
from prunepipe.pruning.checks import MASK_CHECKS, SCORE_CHECKS, WEIGHT_CHECKS
from prunepipe.pruning.scores import SCORES

SCORE_REFERENCES = {name: score.reference for name, score in SCORES.items()}
STAGE_CHECKS = {"data": CORRUPTIONS, "score": SCORE_CHECKS, "mask": MASK_CHECKS, "weights": WEIGHT_CHECKS}
"""The built-in checks of each stage that a check can change."""


OWN = re.compile(r"[^:]+:[A-Za-z_][A-Za-z0-9_]*")
"""A function of the user's: package.module:function or file.py:function."""
TORCHVISION = "torchvision:"


def resolve(kind: str, name: str, known: dict[str, str]) -> str:
    """Return the "module:function" of a name; a name with a colon is one already.

    Args:
        kind: "score", "allocation", "network", "data set", or for example "mask check".
        name: built in, registered by an installed package, torchvision:MODEL (networks), or a reference.
        known: the built-in names.

    Raises:
        ValueError: the name is none of these.
    """
    if kind == "network" and name.startswith(TORCHVISION):
        return _torchvision(name.removeprefix(TORCHVISION))
    if OWN.fullmatch(name):
        return name
    if ":" in name:
        raise ValueError(f"'{name}' is not of the form package.module:function or file.py:function.")
    if name in known:
        return known[name]
    found = registered(kind)
    if name not in found:
        raise ValueError(
            unknown_name(kind, name, {**known, **found})
            + " Your own: package.module:function or file.py:function."
        )
    return found[name]


def _torchvision(model: str) -> str:
    if model not in TORCHVISION_MODELS:
        raise ValueError(unknown_name("torchvision model", model, TORCHVISION_MODELS))
    return f"prunepipe.networks.torchvision_models:{model}"
