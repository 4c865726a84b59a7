"""Locate a study, the site configuration and the workflow; the command that runs Snakemake, and its environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prunepipe.errors import ConfigError
from prunepipe.results.commands import project_folder

if TYPE_CHECKING:
    from prunepipe.study.loading import Site


def study_file(study: str) -> Path:
    """Return the file of a study, given a path, a name in ./config, or the name of a packaged study.

    Raises:
        ConfigError: there is no such study; the message names the existing ones.
    """
    from prunepipe.study.loading import study_path

    if study.endswith((".yaml", ".yml")) and not Path(study).is_file():
        raise ConfigError(f"{study}: no such file; a study is a .yaml file or a name in config/.")
    own = Path("config") / f"{study}.yaml"
    try:
        return own.resolve() if own.is_file() else study_path(study, project_folder() / "config").resolve()
    except ConfigError as error:  # the command line named it, not config.yaml
        raise ConfigError(str(error).removeprefix("config.yaml: study: ")) from error


def site_of(folder: Path) -> Site:
    """Return the site configuration of a folder: its config.yaml, or the packaged one.

    Raises:
        ConfigError: the file cannot be read or contains a mistake.
    """
    from prunepipe.study.loading import load_site
    from prunepipe.study.yaml import read_yaml

    return load_site(read_yaml(_site_file(folder)) or {})


def _site_file(folder: Path) -> Path:
    own = folder / "config.yaml"
    return own if own.is_file() else project_folder() / "config.yaml"


def place_in(folder: Path, study: str) -> str:
    """Return where the tables, figures and report of a study lie, relative to the folder that holds `results/`."""
    from prunepipe.results.places import configured_study, place_of

    config = _site_file(folder)
    return place_of(study, configured_study(config, config.parent / "config"))


def snakemake_command(study: Path, folder: Path, *arguments: str, site: Sequence[str] = ()) -> list[str]:
    """Return the command that runs the workflow on a study.

    Args:
        study: absolute path of the study.
        folder: where results/ is written, and config.yaml is read if it exists.
        arguments: targets and options for Snakemake.
        site: further `key=value` of config.yaml.
    """
    project = project_folder()
    profile = folder / "profiles" / "default"
    command = [sys.executable, "-m", "snakemake", *arguments]
    command += ["--snakefile", str(project / "workflow" / "Snakefile"), "--directory", str(folder)]
    command += ["--workflow-profile", str(profile if profile.is_dir() else project / "profiles" / "default")]
    if not (folder / "config.yaml").is_file():
        command += ["--configfile", str(project / "config.yaml")]
    return [*command, "--config", f"study={study}", *site]


def environment() -> dict[str, str]:
    """Return this process's environment, extended so that other processes find the packages in this folder."""
    paths = [*filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)), str(Path.cwd())]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}
