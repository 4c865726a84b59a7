"""Options of scores and allocations, checked before any job; the built-in functions' are read from their source.

Nothing is imported for it, so that a study is checked without torch.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any

from prunepipe.errors import unknown_name

PACKAGE = Path(__file__).parent.parent
TYPES: dict[str, tuple[set[type], str]] = {
    "float": ({int, float}, "a number"),
    "int": ({int}, "a whole number"),
    "bool": ({bool}, "true or false"),
    "str": ({str}, "text"),
    "None": ({NoneType}, "null"),
}
"""What an annotation allows, and its name in words."""

BOUNDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "draws": (lambda value: value >= 1, "at least 1"),
    "linear_keep": (lambda value: 0 <= value <= 1, "from 0 to 1"),
    "linear_minimum": (lambda value: 0 <= value <= 1, "from 0 to 1"),
    "temperature": (lambda value: value > 0, "above 0"),
}
"""Options of built-in functions that may not take every number."""

TOLD = "generator"
"""The keyword argument of every score that is the pipeline's to give."""


@dataclass(frozen=True)
class Option:
    """One keyword argument.

    Attributes:
        annotation: its type as the source says it, for example "bool | None".
        allowed: its values, where a constant of its name in capitals lists them.
    """

    annotation: str
    allowed: tuple[Any, ...] | None = None


@cache
def options_of(reference: str) -> dict[str, Option] | None:
    """Return the options of a built-in function by name, or None for a function of somebody else's.

    Args:
        reference: "package.module:function".
    """
    module, _, name = reference.rpartition(":")
    if module.split(".")[0] != PACKAGE.name:
        return None
    path = PACKAGE.joinpath(*module.split(".")[1:]).with_suffix(".py")
    tree = ast.parse(path.read_text(encoding="utf-8")) if path.is_file() else ast.Module([], [])
    function = next(
        (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name), None
    )
    if function is None:
        return None
    constants = {
        ast.unparse(node.targets[0]): ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple) and _literal(node.value)
    }
    return {
        argument.arg: Option(
            ast.unparse(argument.annotation or ast.Name("Any")), constants.get(argument.arg.upper())
        )
        for argument in function.args.kwonlyargs
        if argument.arg != TOLD
    }


def _literal(node: ast.Tuple) -> bool:
    return all(isinstance(entry, ast.Constant) for entry in node.elts)


def require_options(kind: str, name: str, reference: str, options: Mapping[str, Any]) -> None:
    """Refuse options that a score or allocation cannot be called with.

    Args:
        kind: "score" or "allocation"; its options are the key `score_options` or `allocation_options`.
        name: what the study calls the function.
        reference: its "module:function".
        options: as the study gives them.
    Raises:
        ValueError: names key, value and what is allowed.
    """
    known = options_of(reference)
    for option, value in options.items():
        key = f"{kind}_options.{option}"
        _require_plain(key, value)
        if option == TOLD:
            raise ValueError(f"{key}: the pipeline gives it, from the seed; leave it out")
        if known is None:
            continue
        if option not in known:
            choices = (
                unknown_name("option", option, known) if known else "it takes no options; leave them out."
            )
            raise ValueError(f"{key}: {kind} {name}: {choices}")
        _require_value(key, value, known[option])


def _require_plain(key: str, value: Any) -> None:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{key} is {str(value)[:40]!r} ({type(value).__name__}); options are finite numbers, text, true, false, "
            "null, and lists or mappings of these"
        ) from error


def _require_value(key: str, value: Any, option: Option) -> None:
    kinds = [TYPES[part] for part in option.annotation.split(" | ") if part in TYPES]
    if kinds and not any(type(value) in types for types, _ in kinds):
        raise ValueError(f"{key} is {value!r}; it must be {' or '.join(words for _, words in kinds)}")
    if option.allowed is not None and value is not None and value not in option.allowed:
        raise ValueError(f"{key}: {unknown_name('value', str(value), map(str, option.allowed))}")
    within, words = BOUNDS.get(key.rpartition(".")[2], (lambda _: True, ""))
    if not within(value):
        raise ValueError(f"{key} is {value!r}; it must be {words}")
