"""Typed models of plain values; a mistake in a value becomes one line: key: value: what is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from prunepipe.errors import ConfigError, unknown_name

Model = TypeVar("Model", bound=BaseModel)


class Strict(BaseModel):
    """A model that refuses unknown keys, silent conversions of type, and numbers that are not finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def as_tuple(value: Any) -> Any:
    """Accept a YAML list where a tuple is meant."""
    return tuple(value) if isinstance(value, list) else value


NAME = r"^[A-Za-z0-9][A-Za-z0-9_]{0,79}$"
NAME_WORDS = "letters, digits and _, at most 80, and begin with a letter or digit"
POINT = r"^(init|final|epoch [1-9][0-9]{0,5}|file .+)$"
POINT_WORDS = "a rewind point of the dense run: init, final, or epoch K; or the weights in a file: file PATH"

MATCH = "match "
"""Precedes the name of a ticket, where a schedule is named: as many epochs as that one costs in total."""
SCHEDULE = r"^(full|remaining|match [A-Za-z0-9][A-Za-z0-9_]{0,79})$"
SCHEDULE_WORDS = "full, remaining, or match TICKET"

EVALUATE = r"^(every epoch|last|every [1-9][0-9]{0,5})$"
EVALUATE_WORDS = "every epoch, last, or every K (epochs)"

Name = Annotated[str, Field(pattern=NAME, description=NAME_WORDS)]
Point = Annotated[str, Field(pattern=POINT, description=POINT_WORDS)]

FILE_POINT = "file "
"""Precedes the path of the user's own file of weights, where a rewind point is named."""

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
"""Plain words for pydantic's kinds of errors."""

PATTERNS = {
    NAME: NAME_WORDS,
    POINT: POINT_WORDS,
    SCHEDULE: SCHEDULE_WORDS,
    EVALUATE: EVALUATE_WORDS,
}
LONGEST = 80
"""Characters of a value that a message shows."""


def validated(model: type[Model], values: Mapping[str, Any], source: str) -> Model:
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
        raise ConfigError("\n".join(f"{source}: {line}" for line in mistakes(model, error))) from None


def parsed(model: type[Model], text: str, source: str) -> Model:
    """Return JSON text, or the JSON of the file that the text names, as a model.

    Args:
        model: what it must hold.
        text: begins with { where it is JSON; the path of a file otherwise.
        source: for the messages, such as "--settings".
    Raises:
        ConfigError: no such file, or one line for each mistake.
    """
    if not text.lstrip().startswith("{"):
        try:
            text = Path(text).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise ConfigError(f"{source}: neither JSON nor a file that can be read: {error}.") from error
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise ConfigError("\n".join(f"{source}: {line}" for line in mistakes(model, error))) from None


def mistakes(model: type[BaseModel], error: ValidationError) -> list[str]:
    """Return one line per mistake in values that do not fit a model: key: value: what is allowed."""
    details: list[dict[str, Any]] = [dict(detail) for detail in error.errors(include_url=False)]
    return [_explain(model, detail) for detail in details if not _follows(detail, details)]


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
    if detail["type"] == "json_invalid":
        return f"no valid JSON: {detail['ctx']['error']}."
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
