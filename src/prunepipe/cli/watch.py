"""`prunepipe watch`: show the progress of a study, from any terminal that can read its results."""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from pathlib import Path

from prunepipe.cli.options import add_study
from prunepipe.cli.progress_bar import progress_bar
from prunepipe.cli.workflow import site_of, study_file

SECONDS = 2.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_study(parser)
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(),
        metavar="FOLDER",
        help="folder that holds results/ (default: the current folder)",
    )
    parser.add_argument("--once", action="store_true", help="print the progress in one line, and exit")


def run(arguments: argparse.Namespace) -> int:
    """Show the progress until no runs are left."""
    from prunepipe.results.watching import study_progress
    from prunepipe.stages.upstream import upstream_of
    from prunepipe.study.loading import load_study

    site = site_of(arguments.folder)
    study = load_study(study_file(arguments.study or site.study))
    upstream = upstream_of(study, site.prepared)
    look = partial(study_progress, study, arguments.folder, upstream=upstream)
    progress = look()
    if not (arguments.folder / "results").is_dir():
        print(f"note: {arguments.folder.resolve()} holds no results/ yet; see --folder.", file=sys.stderr)
    if arguments.once:
        print(f"{study.name}: {progress.done} of {progress.total} runs done, {progress}")
        return 0
    with progress_bar(study.name, progress) as bar:
        while True:
            bar.show(progress)
            if not progress.running + progress.waiting:
                return 0
            time.sleep(SECONDS)
            progress = look()
