"""Locate the workflow and run Snakemake on it with a progress bar; its own output goes to a log."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, TextIO

from prunepipe.cli.progress_bar import Progress, progress_bar
from prunepipe.errors import ConfigError
from prunepipe.results.commands import project_folder

if TYPE_CHECKING:
    from prunepipe.results.watching import StudyProgress
    from prunepipe.study.loading import Site

FAILED = re.compile(r"^Error in rule (\w+)")
TOLD = re.compile(r"^\s*error: (.+)")
PASSED_ON = re.compile(r"^(?:note|warning): ")
"""Lines of the workflow that are shown at once."""
WATCHED = "PRUNEPIPE_WATCHED"
"""Environment variable that tells a workflow that another process shows its progress and its last screen."""
BETWEEN_LOOKS = 1.0
"""Seconds between two updates of the progress of a running study."""
LAST_LINES = 8


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


def place_in(folder: Path, study: str) -> str:
    """Return where the tables, figures and report of a study lie, relative to the folder that holds `results/`."""
    from prunepipe.results.places import configured_study, place_of

    own = folder / "config.yaml"
    config = own if own.is_file() else project_folder() / "config.yaml"
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


@dataclass
class WorkflowRun:
    """The outcome of a run of the workflow.

    Attributes:
        status: Snakemake's exit status.
        failed: number of failed jobs.
        told: the error messages in their logs, each once.
        last: the last lines that Snakemake printed.
        stopped: whether it was stopped before its end.
    """

    status: int
    failed: int
    told: list[str]
    last: list[str] = field(default_factory=list, compare=False)
    stopped: bool = False


def run_watched(
    command: Sequence[str],
    log: Path,
    progress: Callable[[], StudyProgress],
    environment: dict[str, str] | None = None,
    title: str = "prunepipe",
) -> WorkflowRun:
    """Run Snakemake with a progress bar; its whole output goes to a log, and its notes and warnings are shown as well.

    The log of an earlier run is kept as NAME.previous.log. SIGTERM and SIGHUP stop Snakemake as Ctrl-C does.

    Args:
        command: the command from `snakemake_command`.
        log: the log file.
        progress: returns the current progress of the study.
        environment: environment of the process; default: this process's.
        title: what the bar is called.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_suffix(".previous.log"))
    outcome = WorkflowRun(0, 0, [])
    with (
        log.open("w", encoding="utf-8") as file,
        progress_bar(title, progress()) as bar,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**(environment or os.environ), WATCHED: "1"},
        ) as process,
        _stopped_together(process),
    ):
        reader = Thread(target=_follow, args=(process, file, outcome, bar), daemon=True)
        reader.start()
        while reader.is_alive():  # long jobs print nothing while the runs go on
            bar.show(progress())
            reader.join(BETWEEN_LOOKS)
        outcome.status = process.wait()
        bar.show(progress())
    return outcome


@contextmanager
def _stopped_together(process: subprocess.Popen[str]) -> Iterator[None]:
    """Interrupt a process when this one is told to end; Ctrl-C reaches both by itself."""
    stops = (signal.SIGTERM, signal.SIGHUP)

    def stop(number: int, frame: object) -> None:
        process.send_signal(signal.SIGINT)

    heard = [number for number in stops if signal.getsignal(number) != signal.SIG_IGN]  # nohup ignores SIGHUP
    before = {number: signal.signal(number, stop) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _follow(process: subprocess.Popen[str], log: TextIO, outcome: WorkflowRun, bar: Progress) -> None:
    """Log the output of a process until it ends."""
    for line in process.stdout or ():
        log.write(line)
        read_line(line, outcome)
        if PASSED_ON.match(line):
            bar.tell(line.rstrip("\n"))


def read_line(line: str, outcome: WorkflowRun) -> None:
    """Note what a line of Snakemake's output says of failures."""
    outcome.failed += bool(FAILED.match(line))
    outcome.last = [*outcome.last, line.rstrip()][-LAST_LINES:] if line.strip() else outcome.last
    found = TOLD.match(line)
    if found and found.group(1) not in outcome.told:
        outcome.told.append(found.group(1))
