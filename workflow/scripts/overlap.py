"""Compare the masks of a study: clean data against other data variants, seed against seed."""

from pathlib import Path

from prunepipe.results.collected import write_frame
from prunepipe.results.mask_overlap import mask_overlaps
from prunepipe.stages.command_line import run
from prunepipe.study.loading import load_study


def main(files):
    """Read the masks pair by pair, and write their overlap."""
    write_frame(files.overlap, mask_overlaps(load_study(Path(files.study))))


run(__doc__, main, "study", "overlap")
