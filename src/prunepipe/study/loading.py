"""Read config.yaml and config/<study>.yaml, and report their mistakes in a line or two."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, field_validator, model_validator

from prunepipe.errors import ConfigError, unknown_name
from prunepipe.study.built_in import NO_CHECK
from prunepipe.study.feasibility import refuse_impossible
from prunepipe.study.published_file import read_published, refuse_unrelated
from prunepipe.study.study import FULL_NETWORK, Study
from prunepipe.study.yaml import read_yaml
from prunepipe.validation import NAME, NAME_WORDS, Strict, shown, validated


class Site(Strict):
    """Where and how to run; no setting here changes the cells of a study."""

    study: str = Field("quickstart", description="a study in config/ by name, or the path of a .yaml file")
    data_folder: str = Field("data", description="folder of raw data; prepared data sets are kept there too")
    prepared_folder: str | None = Field(
        None,
        description="folder of prepared data sets, where data_folder cannot be written; default: data_folder",
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: a GPU if there is one")
    precision: Literal["float32", "bfloat16"] = Field("float32", description="arithmetic of training")
    channels_last: bool = Field(
        True, description="memory layout of training; equally accurate and faster (docs/equivalence.md)"
    )
    threads: int = Field(
        1, gt=0, le=1024, description="CPU threads of each training job; several jobs run in parallel"
    )
    jobs_per_gpu: int = Field(
        1,
        gt=0,
        le=1000,
        description="number of jobs that may share a GPU; small networks leave room for more",
    )
    checkpoint_seconds: float = Field(
        120.0, ge=0, le=1e9, description="minimum seconds between two checkpoints of a run; 0: every epoch"
    )
    score_time_limit: float = Field(
        3600.0, gt=0, le=1e9, description="seconds that a call of your own score may take"
    )

    deterministic: bool = Field(
        True,
        description="equal runs are bit-identical; false allows operations without a deterministic implementation",
    )

    tensorboard: bool = Field(
        False,
        description="write TensorBoard event files next to each run (pip install 'prunepipe[tensorboard]')",
    )

    upgrade_results: bool = Field(
        False,
        description="continue with results of another version, and remake those whose code has changed",
    )

    @field_validator("tensorboard")
    @classmethod
    def _tensorboard_there(cls, asked: bool) -> bool:
        if asked and find_spec("tensorboard") is None:
            raise ValueError(
                "true, but the package is not installed; pip install 'prunepipe[tensorboard]', or say false"
            )
        return asked

    @model_validator(mode="before")
    @classmethod
    def _from_command_line(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Read `--config channels_last=true` as config.yaml would: Snakemake hands on text, and for digits numbers."""
        if type(values.get("study")) in (int, float):
            values = {**values, "study": str(values["study"])}  # may be spelled otherwise: see `study_path`
        for key in ("data_folder", "prepared_folder"):
            if type(values.get(key)) in (int, float):
                raise ValueError(
                    f"{key}: got the number {values[key]}; write ./ before a folder's name in digits"
                )
        plain = {key for key, field in cls.model_fields.items() if field.annotation in (bool, int, float)}
        return {key: _scalar(value) if key in plain else value for key, value in values.items()}

    @field_validator("data_folder", "prepared_folder")
    @classmethod
    def _plain_path(cls, folder: str | None) -> str | None:
        """Normalise the path, without `~`, `.` and a trailing slash, so that all rules use the same form."""
        if folder is None:
            return None
        path = os.path.normpath(os.path.expanduser(folder))
        odd = next((character for character in "{}$" if character in path), None)
        if not folder.strip() or odd or path.startswith("~") or not path.isprintable():
            raise ValueError(
                f"{folder!r} cannot be used; give a path such as data or ~/data, without {{, }}, $ and line breaks"
            )
        return path

    @property
    def prepared(self) -> str:
        """The folder of prepared data sets."""
        return self.prepared_folder or self.data_folder

    @property
    def numerics(self) -> dict[str, Any]:
        """The site settings that change a run's last digits, and so belong to the run's settings."""
        return {"precision": self.precision, "channels_last": self.channels_last}


def _scalar(value: Any) -> Any:
    """Convert text to a number, true or false; return anything else unchanged."""
    try:
        return yaml.safe_load(value) if isinstance(value, str) and value.isprintable() else value
    except (yaml.YAMLError, ValueError):
        return value


def load_site(values: dict[str, Any]) -> Site:
    """Validate the site configuration (config.yaml and --config).

    Raises:
        ConfigError: one line per mistake.
    """
    site = validated(Site, values, "config.yaml")
    _require_folder("data_folder", site.data_folder, "the folder of the raw data")
    _require_folder("prepared_folder", site.prepared, "a folder for prepared data sets")
    if os.path.isdir(site.prepared) and not os.access(site.prepared, os.W_OK | os.X_OK):
        key = "prepared_folder" if site.prepared_folder else "data_folder"
        raise ConfigError(
            f"config.yaml: {key}: '{site.prepared}' cannot be written, and prepared data sets are kept there; set "
            "prepared_folder to a folder of your own."
        )
    return site


def _require_folder(key: str, folder: str, meaning: str) -> None:
    """Refuse a folder that does not exist and cannot be made."""
    path = Path(folder)
    if os.path.isdir(path):
        return
    taken = os.path.exists(path)
    if taken or not os.path.isdir(path.parent):
        problem = "is a file" if taken else f"does not exist, nor does {path.parent}"
        raise ConfigError(f"config.yaml: {key}: '{folder}' {problem}; name {meaning}, or make it.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise ConfigError(
            f"config.yaml: {key}: '{folder}' cannot be made in {path.parent}, where you may not write; name another "
            "folder."
        )


def make_folder(folder: str, key: str = "data_folder") -> None:
    """Make a folder of the site configuration if it does not exist.

    Raises:
        ConfigError: it cannot be made.
    """
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"config.yaml: {key}: '{folder}' cannot be made ({error.strerror}); name another folder."
        ) from error


def study_path(study: str, folder: Path) -> Path:
    """Return the file of a study, given its name in `folder` or its path.

    Snakemake reads `--config study=2020_11` as the number 202011 and 007 as 7, so a number finds the study whose name
    reads as that number.

    Raises:
        ConfigError: there is no such study; the message names the existing ones.
    """
    path = Path(study) if study.endswith((".yaml", ".yml")) else folder / f"{study}.yaml"
    if not os.path.isfile(path):  # Path.is_file raises if a name is too long
        names = [entry.stem for entry in sorted(folder.glob("*.yaml"))]
        alike = [name for name in names if (number := _as_number(name)) and number == _as_number(study)]
        if len(alike) == 1:
            return folder / f"{alike[0]}.yaml"
        if not names:
            raise ConfigError(
                f"config.yaml: study: no study '{study}', for there is no {folder.resolve()}/*.yaml; start "
                "Snakemake in the folder that holds config/ (or say --directory), or give the path of a study's "
                ".yaml file."
            )
        raise ConfigError(f"config.yaml: study: {unknown_name('study', study, names)}")
    return path


def _as_number(name: str) -> str | None:
    """Return a name as Snakemake would write it after reading it as a number; None if it is not a number."""
    for kind in (int, float):
        with suppress(ValueError):
            return str(kind(name))
    return None


def load_study(path: Path) -> Study:
    """Read and validate a study file.

    Raises:
        ConfigError: as `study_of`; or the file cannot be read.
    """
    values = read_yaml(path)
    if not isinstance(values, dict):
        raise ConfigError(
            f"{path}: must hold keys such as datasets, networks, tickets; it holds {shown(values)}."
        )
    if "name" not in values and not re.fullmatch(NAME, path.stem):
        raise ConfigError(
            f"{path}: a study is called like its file, and '{path.stem}' should be {NAME_WORDS}; rename the file, or "
            "give the key `name`."
        )
    return study_of({"name": path.stem, **values}, str(path))


def study_of(values: dict[str, Any], source: str) -> Study:
    """Return plain values as a study, and refuse one that cannot succeed.

    Args:
        values: as read from a file.
        source: where they come from, for the messages.
    Raises:
        ConfigError: one line per mistake: the key, the value, what is allowed.
    """
    study = validated(Study, values, source)
    try:
        refuse_impossible(study)
        _refuse_published(study)
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from error
    return study


def _refuse_published(study: Study) -> None:
    """Refuse a bad file of published numbers before any job starts."""
    if study.published_file:
        path = Path(study.published_file)
        pruned = (cell[:5] for cell in study.cells())
        places = (
            (dataset, network, ratio, ticket, check) for dataset, network, ticket, check, ratio in pruned
        )
        dense = ((*place, 0.0, FULL_NETWORK, NO_CHECK) for place in study.places)
        refuse_unrelated(path, read_published(path), (*places, *dense))


def require_threads(site: Site, cores: int | None) -> None:
    """Refuse more threads per job than this machine has cores; a cluster's nodes are not checked.

    Raises:
        ConfigError: the message names the key, the value and the bound.
    """
    if cores is not None and site.threads > cores:
        raise ConfigError(
            f"config.yaml: threads: {site.threads} is more than this machine's {cores} cores; lower it."
        )


def require_unique_keys(paths: list[str]) -> None:
    """Refuse site configuration files that give a key twice; Snakemake would keep the last value.

    Raises:
        ConfigError: the message names file, line and key.
    """
    for path in paths:
        read_yaml(Path(path))
