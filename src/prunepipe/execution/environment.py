"""What the jobs of a workflow find in their environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from prunepipe.study.loading import Site


def prepare_environment(site: Site, scripts: Path) -> None:
    """Set what stages read from the environment; cluster jobs load the workflow anew and so set it again.

    How a stage is executed goes this way and not through the rules' params, because it changes no result and so must
    not make one stale; see workflow/scripts/stage.py. `python` is the one that runs Snakemake, activated or not, and
    stages are started by launch.py, which forks them from a warm process.

    Args:
        site: device, time between checkpoints, jobs that share a GPU, event files.
        scripts: folder of the stages' scripts.
    """
    os.environ["PRUNEPIPE_DEVICE"] = site.device
    os.environ["PRUNEPIPE_CHECKPOINT_SECONDS"] = str(site.checkpoint_seconds)
    os.environ["PRUNEPIPE_JOBS_PER_GPU"] = str(site.jobs_per_gpu)
    os.environ["PRUNEPIPE_SCORE_TIME_LIMIT"] = str(site.score_time_limit)
    os.environ["PRUNEPIPE_TENSORBOARD"] = str(int(site.tensorboard))
    first = [str(scripts.resolve()), str(Path(sys.executable).parent)]
    rest = [entry for entry in os.environ["PATH"].split(os.pathsep) if entry not in first]
    os.environ["PATH"] = os.pathsep.join([*first, *rest])
