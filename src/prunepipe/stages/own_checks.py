"""Checks of scores, masks and weights by name; the answers of users' functions are validated."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np

from prunepipe.artifacts import Arrays
from prunepipe.errors import ScoreError
from prunepipe.plugins import call, is_external
from prunepipe.stages.own_calls import call_repeatably, seed_of, seed_of_input


def checked(stage: str, check: str, given: Arrays, *others: Any, **options: Any) -> Arrays:
    """Apply a check to scores, a mask or weights.

    Args:
        stage: "score", "mask" or "weights".
        check: "module:function".
        given: what is changed, by name.
        others, options: further arguments of the check.

    Returns:
        Arrays of the same names, shapes and types.

    Raises:
        ScoreError: the user's own check returns something else; the text names it, the layer and the rule.
    """
    if not is_external(check):
        built_in: Arrays = call(f"{stage} check", check, given, *others, **options)
        return built_in
    generator = options.get("generator")
    return call_repeatably(
        f"{stage} check",
        check,
        # A copy, so that a function that works in place changes what it returns and nothing else.
        lambda: ({name: array.copy() for name, array in given.items()}, *deepcopy(others)),
        partial(_same_names, f"{stage} check {check}", given),
        seed=seed_of(generator) if generator else seed_of_input(given),
        **options,
    )


def _same_names(title: str, given: Arrays, changed: Any) -> Arrays:
    """Return a check's answer if it has the names, shapes and types of the input."""
    if not isinstance(changed, Mapping):
        raise ScoreError(f"{title}: returned {type(changed).__name__}, must return a dictionary of arrays.")
    for name in [*given, *changed]:
        if name not in changed or name not in given:
            verb = "lacks" if name in given else "adds"
            raise ScoreError(f"{title}: {verb} '{name}'; it must return exactly the names that it was given.")
    return {name: _same_form(title, name, array, changed[name]) for name, array in given.items()}


def _same_form(title: str, name: str, given: np.ndarray, changed: Any) -> np.ndarray:
    if not isinstance(changed, np.ndarray):
        raise ScoreError(f"{title}: '{name}' is a {type(changed).__name__}, must be a numpy array.")
    if (changed.shape, changed.dtype) != (given.shape, given.dtype):
        raise ScoreError(
            f"{title}: '{name}' is {changed.dtype} {changed.shape}, must be {given.dtype} {given.shape} as given."
        )
    if changed.dtype.kind == "f" and np.isnan(changed).any():
        raise ScoreError(f"{title}: '{name}' has {int(np.isnan(changed).sum()):,} values that are NaN.")
    return changed
