"""Validate plain values against a typed model; each mistake becomes a line: key: value: what is allowed."""

from __future__ import annotations

from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from prunepipe.errors import ConfigError, unknown_name
from prunepipe.study.recipe import EVALUATE, EVALUATE_WORDS
from prunepipe.study.rows import NAME, NAME_WORDS, POINT, POINT_WORDS

Model = TypeVar("Model", bound=BaseModel)

WORDS = {
    "tuple_type": "should be a list",
    "dict_type": "should be a mapping, name: options",
    "model_type": "should be a mapping, key: value",
    "string_type": "should be text",
    "bool_type": "should be true or false",
    "int_type": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_type": "should be a number",
    "invalid_key": "should be text, as every key",
}
"""What an error of pydantic says of the value that should have been, in plain words."""

PATTERNS = {NAME: NAME_WORDS, POINT: POINT_WORDS, EVALUATE: EVALUATE_WORDS}
LONGEST = 80
"""Characters of a value that a message shows."""


def validated(model: type[Model], values: dict[str, Any], source: str) -> Model:
    """Return the values as a model.

    Args:
        model: what they must be.
        values: as read from a file.
        source: the file, for the messages.
    Raises:
        ConfigError: one line for each mistake.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        details: list[dict[str, Any]] = [dict(detail) for detail in error.errors(include_url=False)]
    lines = [f"{source}: {_explain(model, detail)}" for detail in details if not _follows(detail, details)]
    raise ConfigError("\n".join(lines))


def _follows(detail: dict[str, Any], details: list[dict[str, Any]]) -> bool:
    """Whether a list or mapping is only said to be empty because its entries are wrong."""
    place = detail["loc"]
    inside = (other["loc"] for other in details if len(other["loc"]) > len(place))
    return detail["type"] == "too_short" and any(other[: len(place)] == place for other in inside)


def _explain(model: type[BaseModel], detail: dict[str, Any]) -> str:
    """Turn one pydantic error into: key: value: what is allowed."""
    location = tuple(
        shown(part) if isinstance(part, int) else part for part in detail["loc"] if part != "[key]"
    )
    key = ".".join(location)
    if detail["type"] == "extra_forbidden":
        return f"{key}: {unknown_name('key', location[-1], _keys_at(model, location[:-1]))}"
    if detail["type"] == "missing":
        return f"{key}: missing; it must be given."
    if detail["type"] == "too_short":
        return f"{key}: empty; it must hold at least one entry."
    message = detail["msg"].removeprefix("Value error, ").replace("Input should", "should")
    if detail["type"] == "value_error":
        return f"{key}: {message}" if key else message
    if detail["type"] == "string_pattern_mismatch":
        message = f"should be {PATTERNS[detail['ctx']['pattern']]}"
    return f"{key}: got {shown(detail['input'])}; it {WORDS.get(detail['type'], message)}."


def shown(value: Any) -> str:
    """Return a value as a message shows it: not longer than a line."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, or lists of lists of lists
        return f"a {type(value).__name__} too large to show"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _keys_at(model: type[BaseModel], location: tuple[str, ...]) -> list[str]:
    """Return the keys that the model allows at a place of the configuration."""
    current = model
    for part in location:
        if part in current.model_fields:  # other parts are the user's own names, such as a ticket's
            current = _model_inside(current.model_fields[part].annotation) or current
    return list(current.model_fields)


def _model_inside(annotation: Any) -> Any:
    """Return the model in `Model`, `dict[str, Model]`, `tuple[Model, ...]` or `Model | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (dict, tuple, Union, UnionType) or get_args(annotation):
        inside = [_model_inside(argument) for argument in get_args(annotation)]
        return next((found for found in inside if found is not None), None)
    return None
