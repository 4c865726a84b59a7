"""Where the tables, figures and report of a study lie: those of the configured study directly in results/."""

from __future__ import annotations

from pathlib import Path

from prunepipe.errors import ConfigError
from prunepipe.study.yaml import read_yaml

RESULTS = "results"
STUDIES = "results/studies"
DEFAULT_STUDY = "quickstart"


def place_of(study: str, configured: str) -> str:
    """Return the folder of a study's tables, figures and report, relative to the project.

    Args:
        study: its name.
        configured: name of the study that config.yaml names.
    """
    return RESULTS if study == configured else f"{STUDIES}/{study}"


def partial_place(place: str) -> str:
    """Return the folder of the tables and report of an unfinished study, given the folder of its finished ones."""
    return f"{place}/partial"


def configured_study(config: Path, studies: Path) -> str:
    """Return the name of the study that a site configuration names.

    Args:
        config: a config.yaml; studies that it names by path are relative to its folder.
        studies: folder of the studies that it names without a path.
    Raises:
        ConfigError: the file cannot be read.
    """
    values = read_yaml(config)
    named = str(values.get("study", DEFAULT_STUDY) if isinstance(values, dict) else DEFAULT_STUDY)
    is_path = named.endswith((".yaml", ".yml"))
    return study_name(config.parent / named if is_path else studies / f"{named}.yaml")


def study_name(file: Path) -> str:
    """Return the name of a study, which need not be valid: its key `name`, or the name of its file."""
    try:
        values = read_yaml(file)
    except ConfigError:
        values = None
    return str(values["name"]) if isinstance(values, dict) and values.get("name") else file.stem
