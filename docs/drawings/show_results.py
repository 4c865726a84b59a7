"""Redraw what README and docs show of a study, from its results.

    python docs/drawings/show_results.py config/cifar10_small.yaml results --processor "AMD EPYC, 2 cores"

It writes docs/results/STUDY.csv and STUDY.json (the runs and the study, all that the rest is made from), the figures
docs/images/STUDY_*.png, and every block of README.md and docs/*.md between `<!-- STUDY: KIND -->` and `<!-- end -->`.
"""

from __future__ import annotations

import argparse
import json
import re
import textwrap
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from prunepipe.plugins import load_function
from prunepipe.reports.plots import FIGURES
from prunepipe.reports.plots.style import save_figure
from prunepipe.reports.tables import build_table, to_markdown
from prunepipe.results.collected import Collected, read_frame, write_frame
from prunepipe.results.labels import ticket_label
from prunepipe.results.made_with import distinct
from prunepipe.results.table import COLUMNS
from prunepipe.study.loading import load_study
from prunepipe.study.study import Study
from prunepipe.verdicts.answer import answer_lines
from prunepipe.verdicts.judge import judge

ROOT = Path(__file__).resolve().parents[2]
SHOWN = ROOT / "docs" / "results"
BLOCK = re.compile(r"<!-- (\w+): (\w+) -->\n.*?<!-- end -->", re.S)
FIGURE_NAMES = ("effects", "initial_checks", "partial_checks")
OMITTED = ("run", "best_accuracy", "epochs", "seconds", "note", "start")
"""Columns of the results that nothing here needs."""


def answer(results: pd.DataFrame, study: Study, processor: str) -> str:
    """Return what `prunepipe verdict` says first."""
    judgement = judge(results, study)
    flags = [f"NOT TO BE TRUSTED: {flag}." for flag in judgement.flags]
    lines = [*flags, *answer_lines(judgement.against_random.to_dict("records"))]
    text = "\n".join(textwrap.fill(line, 100, subsequent_indent="  ") for line in lines)
    return f"```text\n{text}\n```"


def methods(results: pd.DataFrame, study: Study, processor: str) -> str:
    """Return one line per method: its summary and why."""
    rows = judge(results, study).summaries.to_dict("records")
    lines = [f"| {ticket_label(row['ticket'])} | **{row['summary']}** | {row['why']} |" for row in rows]
    return "\n".join(["| Method | Sane? | Why |", "|:--|:--|:--|", *lines])


def tables(*names: str) -> Callable[[pd.DataFrame, Study, str], str]:
    """Return a function that writes tables without their notes."""

    def write(results: pd.DataFrame, study: Study, processor: str) -> str:
        texts = [to_markdown(build_table(name, results, study), study) for name in names]
        return "\n\n".join(
            "\n".join(line for line in text.splitlines() if line.startswith("|")) for text in texts
        )

    return write


def tickets(results: pd.DataFrame, study: Study, processor: str) -> str:
    """Return initial and partially trained tickets side by side, for a study of one data set and network."""
    left, right = (
        [
            [cell.strip() for cell in line.strip("|").split("|")]
            for line in to_markdown(build_table(name, results, study), study).splitlines()
            if line.startswith("| ") and not line.startswith(("| *", "| :"))
        ]
        for name in ("random", "hybrid")
    )
    del right[1]  # the full network, which stands on the left
    empty = [""] * len(left[0])
    rows = [
        [*(left[k] if k < len(left) else empty), "", *(right[k] if k < len(right) else empty)]
        for k in range(max(len(left), len(right)))
    ]
    rows[0][0], rows[0][len(empty) + 1] = "Initial tickets", "Partially-trained tickets"
    numbers = ["--:"] * (len(empty) - 1)
    rule = [":--", *numbers, "--", ":--", *numbers]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (rows[0], rule, *rows[1:]))


def made(results: pd.DataFrame, study: Study, processor: str) -> str:
    """Return what the numbers were made with, in a sentence."""
    done = results[results["status"] == "done"]
    seeds, runs = len(study.seeds), f"{len(done)} of {len(results)} runs"
    return (
        f"*Mean ± sample standard deviation over {seeds} seeds, test accuracy in percent; {runs}, {processor},"
        f" {distinct(done['precision'])}. Bold: the best of a column, and means within its 95 % confidence interval.*"
    )


KINDS: dict[str, Callable[[pd.DataFrame, Study, str], str]] = {
    "answer": answer,
    "methods": methods,
    "tickets": tickets,
    "checks": tables("initial_checks", "partial_checks"),
    "made": made,
}
"""What a block can show."""


def shown(name: str) -> tuple[pd.DataFrame, Study, str]:
    """Return the shipped results of a study, the study, and the processor that trained it."""
    facts = json.loads((SHOWN / f"{name}.json").read_text(encoding="utf-8"))
    return read_frame(SHOWN / f"{name}.csv"), Study.model_validate(facts["study"]), facts["processor"]


def with_blocks(text: str, names: set[str]) -> str:
    """Return a page with the blocks of some studies written anew, from the shipped results."""

    def block(found: re.Match[str]) -> str:
        name, kind = found.groups()
        if name not in names:
            return found[0]
        return f"<!-- {name}: {kind} -->\n{KINDS[kind](*shown(name))}\n<!-- end -->"

    return BLOCK.sub(block, text)


def pages() -> list[Path]:
    """Return the pages that may hold blocks."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def ship(study: Study, results: pd.DataFrame, processor: str) -> None:
    """Write the results and the study, without a path of the machine that trained it."""
    values = json.loads(study.model_dump_json(exclude_unset=True))
    for choice in values["datasets"].values():
        choice.pop("folder", None)
    write_frame(SHOWN / f"{study.name}.csv", results[[name for name in COLUMNS if name not in OMITTED]])
    text = json.dumps({"processor": processor, "study": values}, indent=1)
    (SHOWN / f"{study.name}.json").write_text(text + "\n", encoding="utf-8")


def main() -> None:
    """Read the command line, ship, draw, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", type=Path, help="the study's file, as it was run")
    parser.add_argument("results", type=Path, help="folder of results.csv: results, or results/partial")
    parser.add_argument("--processor", required=True, help="that trained it, for example 'AMD EPYC, 2 cores'")
    arguments = parser.parse_args()
    study, results = load_study(arguments.study), read_frame(arguments.results / "results.csv")
    ship(study, results, arguments.processor)
    for name in FIGURE_NAMES:
        figure = load_function(FIGURES[name].function)(Collected(results), study)
        save_figure(figure, ROOT / "docs" / "images" / f"{study.name}_{name}.png")
    for page in pages():
        text = page.read_text(encoding="utf-8")
        page.write_text(with_blocks(text, {study.name}), encoding="utf-8")


if __name__ == "__main__":
    main()
