"""How the jobs of a workflow are started, and what they find in their environment."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from prunepipe.study.loading import Site


def prepare_environment(site: Site) -> None:
    """Set what stages read from the environment; cluster jobs load the workflow anew and so set it again.

    How a stage is executed goes this way and not through the rules' params, because it changes no result and so must
    not make one stale; see `prunepipe.stages.command_line`.

    Args:
        site: device, time between checkpoints, jobs that share a GPU, event files, deterministic operations.
    """
    os.environ["PRUNEPIPE_DEVICE"] = site.device
    os.environ["PRUNEPIPE_CHECKPOINT_SECONDS"] = str(site.checkpoint_seconds)
    os.environ["PRUNEPIPE_JOBS_PER_GPU"] = str(site.jobs_per_gpu)
    os.environ["PRUNEPIPE_SCORE_TIME_LIMIT"] = str(site.score_time_limit)
    os.environ["PRUNEPIPE_TENSORBOARD"] = str(int(site.tensorboard))
    os.environ["PRUNEPIPE_DETERMINISTIC"] = str(int(site.deterministic))


def launch_command(scripts: Path, own_python: bool = True) -> str:
    """Return the start of the shell command of every stage, found by no search path and no run bit.

    Args:
        scripts: folder of the stages' scripts.
        own_python: whether stages run under the Python that runs this; otherwise under the `python` of the environment
            that Snakemake makes for them (conda, containers).
    """
    python = sys.executable if own_python else "python"
    return shlex.join([python, "-I", "-S", str(scripts.resolve() / "launch.py")])
