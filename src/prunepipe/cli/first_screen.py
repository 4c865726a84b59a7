"""The output of `judge` and `verdict`: the verdicts, where the accuracy comes from, what to ask next."""

from __future__ import annotations

from pathlib import Path

from prunepipe.cli.gains import gains_lines
from prunepipe.cli.next_questions import next_questions
from prunepipe.cli.verdict import verdict_text


def first_screen(results: Path) -> str:
    """Return a study's conclusions about its methods, as text.

    Args:
        results: the folder that holds results.csv and tables/.

    Raises:
        ArtifactError: there are no verdicts yet.
    """
    parts = [verdict_text(results), "\n".join(gains_lines(results)), "\n".join(next_questions(results))]
    return "\n\n".join(part for part in parts if part)
