"""Judge every method of a study by its checks, and decompose its accuracy."""

from pathlib import Path

from prunepipe.artifacts import write_text
from prunepipe.results.collected import read_frame, write_frame
from prunepipe.stages.command_line import run
from prunepipe.study.loading import load_study
from prunepipe.verdicts.judge import judge
from prunepipe.verdicts.record import first_looked_at
from prunepipe.verdicts.writing import decomposition_markdown, verdicts_markdown


def main(files):
    """Read the results, judge, write."""
    study = load_study(Path(files.study))
    judgement = judge(read_frame(files.results), study, record=first_looked_at(study))
    write_frame(files.csv, judgement.verdicts)
    write_frame(files.effects, judgement.effects)
    write_frame(files.methods, judgement.summaries)
    write_frame(files.against_random, judgement.against_random)
    write_frame(files.gains, judgement.gains)
    write_text(files.md, verdicts_markdown(judgement))
    write_text(files.gains_md, decomposition_markdown(judgement.gains, judgement.provenance))


run(
    __doc__,
    main,
    "study",
    "results",
    "csv",
    "md",
    "effects",
    "methods",
    "against_random",
    "gains",
    "gains_md",
)
