"""`prunepipe plan`: estimate the cost of a study before it runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from prunepipe.cli.options import add_study, count
from prunepipe.cli.workflow import site_of, study_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_study(parser)
    parser.add_argument(
        "--gpus",
        type=count,
        default=1,
        metavar="N",
        help="number of GPUs that share the work (default: %(default)s)",
    )
    parser.add_argument(
        "--calibrate",
        action="store_true",
        help="train a few steps on this machine, as config.yaml says, to estimate how long the study takes here",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the plan."""
    from prunepipe.planning.plan import plan_text
    from prunepipe.study.loading import load_study

    site = site_of(Path())
    study = load_study(study_file(arguments.study or site.study))
    calibration = None
    if arguments.calibrate:
        from prunepipe.planning.speed import measure  # imports torch, which only calibration needs

        calibration = measure(study, site)
    print(plan_text(study, gpus=arguments.gpus, calibration=calibration, device=site.device))
    return 0
