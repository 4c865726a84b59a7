"""Prepare the environment of a workflow's jobs and the command that starts them."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from prunepipe.errors import ConfigError
from prunepipe.study.loading import Site


def prepare_environment(site: Site) -> None:
    """Set the environment variables that stages read; cluster jobs load the workflow again and so set them, too.

    Execution settings are passed this way and not through the rules' params, because they do not change results and
    must not make them stale; see `prunepipe.stages.command_line`.

    Args:
        site: device, time between checkpoints, jobs that share a GPU, event files, deterministic operations.
    """
    os.environ["PRUNEPIPE_PREPARED_FOLDER"] = site.prepared
    os.environ["PRUNEPIPE_DEVICE"] = site.device
    os.environ["PRUNEPIPE_CHECKPOINT_SECONDS"] = str(site.checkpoint_seconds)
    os.environ["PRUNEPIPE_JOBS_PER_GPU"] = str(site.jobs_per_gpu)
    os.environ["PRUNEPIPE_SCORE_TIME_LIMIT"] = str(site.score_time_limit)
    os.environ["PRUNEPIPE_TENSORBOARD"] = str(int(site.tensorboard))
    os.environ["PRUNEPIPE_DETERMINISTIC"] = str(int(site.deterministic))


def require_cuda(device: str) -> None:
    """Refuse `device: cuda` on a machine without CUDA before any job, which would first remove its old outputs.

    Another process asks torch, since importing it would slow down every start.

    Raises:
        ConfigError: torch finds no CUDA device.
    """
    if device != "cuda":
        return
    asked = [sys.executable, "-c", "import sys, torch; sys.exit(0 if torch.cuda.is_available() else 3)"]
    if subprocess.run(asked, capture_output=True, check=False).returncode == 3:
        raise ConfigError(
            "config.yaml asks for device: cuda, but torch finds no CUDA device; use cpu or auto. No job was started."
        )


def launch_command(scripts: Path, own_python: bool = True) -> str:
    """Return the start of every stage's shell command, with full paths, so that PATH and executable bits do not matter.

    Args:
        scripts: folder of the stages' scripts.
        own_python: whether stages run under this process's Python; otherwise they run under the `python` of the
            environment that Snakemake creates for them (conda, containers).
    """
    python = sys.executable if own_python else "python"
    return shlex.join([python, "-I", "-S", str(scripts.resolve() / "launch.py")])
