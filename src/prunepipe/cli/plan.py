"""`prunepipe plan`: estimate the cost of a study before it runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from prunepipe.cli.workflow import site_of, study_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    named = parser.add_mutually_exclusive_group()
    named.add_argument(
        "study",
        nargs="?",
        default="quickstart",
        help="a name in config/ or a .yaml file (default: %(default)s)",
    )
    named.add_argument(
        "--study",
        dest="study_option",
        metavar="STUDY",
        help="same as STUDY, for consistency with judge and run",
    )
    parser.add_argument(
        "--gpus", type=int, default=1, help="number of GPUs that share the work (default: %(default)s)"
    )
    parser.add_argument(
        "--calibrate",
        action="store_true",
        help="train a few steps on this machine, as config.yaml says, to estimate its time",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the plan."""
    from prunepipe.planning.plan import plan_text
    from prunepipe.study.loading import load_study

    study = load_study(study_file(arguments.study_option or arguments.study))
    site = site_of(Path())
    calibration = None
    if arguments.calibrate:
        from prunepipe.planning.speed import measure  # imports torch, which only calibration needs

        calibration = measure(study, site)
    print(plan_text(study, gpus=arguments.gpus, calibration=calibration, device=site.device))
    return 0
