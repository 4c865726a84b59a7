"""Report how `judge` or `run --until-decided` ended, and write the tables and the page."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from prunepipe.cli.deciding import DECIDED, FAILED_TO_START, INTERRUPTED, JUDGED, SPENT, Ending, Work
from prunepipe.cli.decision_table import DecisionRow, View, decision_rows, in_words, number_of_tests, tally
from prunepipe.cli.logged_run import CONTINUE, logged_run
from prunepipe.cli.shown import near
from prunepipe.cli.workflow import place_in
from prunepipe.results.labels import chance_label
from prunepipe.results.places import partial_place
from prunepipe.results.watching import duration

REASONS = {
    DECIDED: "Nothing is left to run",
    JUDGED: "The method is judged",
    SPENT: "The budget is spent",
    INTERRUPTED: "Stopped",
    FAILED_TO_START: "The study did not run",
}
MOST_TESTS = 8
"""Number of tests whose chances at the next look are listed one by one."""
STATUS = {DECIDED: 0, JUDGED: 0, SPENT: 0, INTERRUPTED: 130, FAILED_TO_START: 1}


def finish(work: Work, ending: Ending) -> int:
    """Print how it ended, write the tables and the page, print the conclusions, and return the exit status."""
    print("\n" + "\n".join(ending_lines(ending)), flush=True)
    for message in ending.told:
        print(f"error: {message}", file=sys.stderr)
    if ending.reason == FAILED_TO_START:
        print(f"Snakemake's output is in {near(work.log)}.", file=sys.stderr)
    if ending.failed:
        print(
            "After fixing the cause, run the same command again: finished runs are not repeated.",
            file=sys.stderr,
        )
    if not STATUS[ending.reason] and ending.made:
        _write_pages(work, ending)
    return STATUS[ending.reason] or int(ending.failed > 0)


def ending_lines(ending: Ending) -> list[str]:
    """Return how it ended, how many runs it took, and the chances of each open test at its next look."""
    rows = decision_rows(ending.view)
    spared = ending.planned - ending.made
    share = f" of the {ending.planned} that the study lists" if spared else ""
    lines = [
        f"{REASONS[ending.reason]}: {number_of_tests(len(rows))}, {tally(rows)}; {ending.made} runs made{share}."
    ]
    if ending.failed:
        lines.append(f"{ending.failed} jobs failed; the tests that need them wait.")
    if ending.view.next is None or ending.reason == JUDGED:
        return lines
    time = f", about {duration(ending.seconds)} here" if ending.seconds is not None else ""
    look = f"{ending.view.next.look} seeds{time}"
    return [*lines, *_chances(rows, ending.view, look), CONTINUE]


def _chances(rows: Sequence[DecisionRow], view: View, look: str) -> list[str]:
    """Describe the chances at the next look: a line per test, the likeliest first, and one line for the rest."""
    pairs = zip(view.verdicts["probability"], rows, strict=True)
    known = sorted(
        ((float(chance), row) for chance, row in pairs if row.asked and chance == chance),
        key=lambda pair: -pair[0],
    )
    lines = [f"At the next look ({look}), if effect and spread stay as they are:"] if known else []
    lines += [f"  {in_words(row)}: decided with {chance_label(chance)}" for chance, row in known[:MOST_TESTS]]
    if known[MOST_TESTS:]:
        lines.append(f"  and {len(known) - MOST_TESTS} more, none of them likelier")
    first = sum(row.asked for row in rows) - len(known)
    return [*lines, f"The next look ({look}) is the first for {number_of_tests(first)}."] if first else lines


def _write_pages(work: Work, ending: Ending) -> None:
    """Write the tables and the page, of the whole study or of its finished part."""
    from prunepipe.cli.first_screen import first_screen

    whole = ending.made == ending.planned
    place = place_in(work.folder, work.study.name)
    target = () if whole else ("partial",)
    outcome = logged_run(work.command(*target), work.log)
    if outcome.status:
        print(f"error: the tables could not be written; see {near(work.log)}", file=sys.stderr)
        return
    print("\n" + first_screen(near(work.folder / (place if whole else partial_place(place)))))
