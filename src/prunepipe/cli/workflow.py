"""Locate the workflow and run Snakemake on it, with a progress bar; all other output goes to a log."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, TextIO

from prunepipe.errors import ConfigError
from prunepipe.results.commands import project_folder

if TYPE_CHECKING:
    from prunepipe.results.watching import StudyProgress
    from prunepipe.study.loading import Site

FAILED = re.compile(r"^Error in rule (\w+)")
BETWEEN_LOOKS = 1.0
"""Seconds between two updates of the progress of a running study."""
TOLD = re.compile(r"^\s*error: (.+)")


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
    import yaml

    from prunepipe.study.loading import load_site

    own = folder / "config.yaml"
    path = own if own.is_file() else project_folder() / "config.yaml"
    try:
        return load_site(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from error


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


@dataclass
class WorkflowRun:
    """The outcome of a run of the workflow.

    Attributes:
        status: Snakemake's exit status.
        failed: number of failed jobs.
        told: the error messages in their logs, each once.
    """

    status: int
    failed: int
    told: list[str]


class ProgressBar:
    """A progress bar on a terminal; elsewhere, one line every half minute."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def show(self, progress: StudyProgress) -> None:
        """Show the runs that are done, running, failed and left."""
        self._bar.total = progress.total
        self._bar.set_postfix_str(str(progress), refresh=False)
        self._bar.update(progress.done - self._bar.n)
        if sys.stderr.isatty():
            self._bar.refresh()


@contextmanager
def progress_bar(title: str, progress: StudyProgress) -> Iterator[ProgressBar]:
    """Yield a progress bar of a study's runs, starting from its current state."""
    from tqdm import tqdm

    interval = 0.1 if sys.stderr.isatty() else 30.0
    form = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt} of {total_fmt} runs{postfix}"
    counts = {"total": progress.total, "initial": progress.done}
    with tqdm(**counts, desc=title, mininterval=interval, maxinterval=interval, bar_format=form) as bar:
        yield ProgressBar(bar)


def run_watched(
    command: Sequence[str],
    log: Path,
    progress: Callable[[], StudyProgress],
    environment: dict[str, str] | None = None,
) -> WorkflowRun:
    """Run Snakemake with a progress bar; its whole output goes to a log.

    Args:
        command: the command from `snakemake_command`.
        log: the log file, which is overwritten.
        progress: returns the current progress of the study.
        environment: environment of the process; default: this process's.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    outcome = WorkflowRun(0, 0, [])
    with (
        log.open("w", encoding="utf-8") as file,
        progress_bar("prunepipe", progress()) as bar,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment or dict(os.environ),
        ) as process,
    ):
        reader = Thread(target=_follow, args=(process, file, outcome), daemon=True)
        reader.start()
        while reader.is_alive():  # long jobs print nothing while the runs go on
            bar.show(progress())
            reader.join(BETWEEN_LOOKS)
        outcome.status = process.wait()
        bar.show(progress())
    return outcome


def _follow(process: subprocess.Popen[str], log: TextIO, outcome: WorkflowRun) -> None:
    """Log the output of a process until it ends."""
    for line in process.stdout or ():
        log.write(line)
        _read(line, outcome)


def _read(line: str, outcome: WorkflowRun) -> None:
    outcome.failed += bool(FAILED.match(line))
    found = TOLD.match(line)
    if found and found.group(1) not in outcome.told:
        outcome.told.append(found.group(1))
