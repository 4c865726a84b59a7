"""`prunepipe run`: run the packaged workflow on a study in this folder; a thin wrapper of Snakemake."""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

from prunepipe.cli.trial import environment
from prunepipe.cli.workflow import snakemake_command, study_file
from prunepipe.cores import usable_cores


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("targets", nargs="*", help="files to make, or `partial`; default: everything")
    parser.add_argument(
        "--study", default="quickstart", help="a name in config/ or a .yaml file (default: %(default)s)"
    )
    parser.add_argument(
        "--cores",
        type=int,
        default=usable_cores(),
        help="jobs to run in parallel (default: %(default)s)",
    )
    parser.add_argument(
        "--config",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a key of config.yaml; may be repeated",
    )
    parser.add_argument("--force", action="store_true", help="remake the targets even if they are up to date")
    parser.add_argument("--dry-run", "-n", action="store_true", help="say what would run")


def run(arguments: argparse.Namespace) -> int:
    """Run Snakemake, and return its exit status."""
    options = [
        name for name, wanted in (("--dry-run", arguments.dry_run), ("--force", arguments.force)) if wanted
    ]
    command = snakemake_command(
        study_file(arguments.study),
        Path.cwd(),
        *arguments.targets,
        "--cores",
        str(arguments.cores),
        *options,
        site=arguments.config,
    )
    return subprocess.run(command, env=environment(), check=False).returncode
