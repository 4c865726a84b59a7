"""Read config.yaml and config/<study>.yaml; say in a line or two what is wrong with them."""

from __future__ import annotations

import os
from collections.abc import Hashable
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, Field, ValidationError, field_validator

from prunepipe.errors import ConfigError, unknown_name
from prunepipe.feasibility import refuse_impossible
from prunepipe.recipe import Strict
from prunepipe.study import Study

Model = TypeVar("Model", bound=BaseModel)


class Site(Strict):
    """Where and how to run; nothing here changes which cells a study has."""

    study: str = Field("quickstart", description="a study in config/ by name, or the path of a .yaml file")
    data_folder: str = Field("data", description="folder of raw data and of the prepared data sets")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: a GPU where there is one")
    precision: Literal["float32", "bfloat16"] = Field("float32", description="arithmetic of training")
    channels_last: bool = Field(False, description="memory layout of training; faster on large networks")
    threads: int = Field(
        1, gt=0, description="CPU threads of each training job; several jobs run side by side"
    )
    jobs_per_gpu: int = Field(
        1, gt=0, description="jobs that may share a GPU; small networks leave room for more"
    )
    checkpoint_seconds: float = Field(
        60.0, ge=0, description="least seconds between two checkpoints of a run; 0: every epoch"
    )

    @field_validator("data_folder")
    @classmethod
    def _plain_path(cls, folder: str) -> str:
        """Return the path without `~`, `.` and a slash at its end, in the one form that all rules share."""
        path = os.path.normpath(os.path.expanduser(folder))
        odd = next((character for character in "{}$" if character in path), None)
        if not folder.strip() or odd or path.startswith("~") or not path.isprintable():
            raise ValueError(
                f"{folder!r} cannot be used; give a path such as data or ~/data, without {{, }}, $ and line breaks"
            )
        return path

    @property
    def numerics(self) -> dict[str, Any]:
        """The choices that change a run's last digits, and so belong to its settings."""
        return {"precision": self.precision, "channels_last": self.channels_last}


class _UniqueKeyLoader(yaml.SafeLoader):
    """SafeLoader that refuses a key given twice instead of keeping the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise ConfigError(f"line {key_node.start_mark.line + 1}: the key '{key}' is given twice.")
            seen.add(key)
        values: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return values


def load_site(values: dict[str, Any]) -> Site:
    """Validate the site configuration (config.yaml and --config).

    Raises:
        ConfigError: one line for each mistake.
    """
    site = _validated(Site, values, "config.yaml")
    _require_folder(site.data_folder)
    return site


def _require_folder(folder: str) -> None:
    """Refuse a data folder that cannot be made: its parent is missing, or a file is in its place."""
    path = Path(folder)
    if path.is_dir():
        return
    problem = "is a file" if path.exists() else f"does not exist, nor does {path.parent}"
    if path.exists() or not path.parent.is_dir():
        raise ConfigError(
            f"config.yaml: data_folder: '{folder}' {problem}; name the folder of the raw data, or make it."
        )


def study_path(study: str, folder: Path) -> Path:
    """Return the file of a study, by name in `folder` or by its own path.

    Raises:
        ConfigError: there is none; names those that exist.
    """
    path = Path(study) if study.endswith((".yaml", ".yml")) else folder / f"{study}.yaml"
    if not path.is_file():
        names = [entry.stem for entry in sorted(folder.glob("*.yaml"))]
        raise ConfigError(f"config.yaml: study: {unknown_name('study', study, names)}")
    return path


def load_study(path: Path) -> Study:
    """Read and validate a study file.

    Raises:
        ConfigError: one line for each mistake: the key, the value, what is allowed.
    """
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: must hold keys such as datasets, networks, tickets; it holds {values!r}.")
    study = _validated(Study, {"name": path.stem, **values}, str(path))
    try:
        refuse_impossible(study)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return study


def _validated(model: type[Model], values: dict[str, Any], source: str) -> Model:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        lines = [f"{source}: {_explain(model, dict(detail))}" for detail in error.errors(include_url=False)]
        raise ConfigError("\n".join(lines)) from error


def _explain(model: type[BaseModel], detail: dict[str, Any]) -> str:
    """Turn one pydantic error into: key: value: what is allowed."""
    location = tuple(str(part) for part in detail["loc"] if part != "[key]")
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
    return f"{key}: got {detail['input']!r}; it {message}."


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
