"""Judge control methods, whose use of data, connections and weights is known by construction.

`python benchmarks/controls.py --folder FOLDER --cores 1` writes docs/controls.md; run again, it continues.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from prunepipe.artifacts import write_text
from prunepipe.planning.next_look import TEST, seed_folders
from prunepipe.results.table import collect
from prunepipe.study.loading import load_study
from prunepipe.study.study import Study
from prunepipe.verdicts.judge import verdicts_of

HERE = Path(__file__).parent
STUDY, METHODS = "controls.yaml", "control_methods.py"
USED = {
    "starts_at_epoch_2": {"corrupted_data", "rearrange", "shuffle_weights"},
    "starts_at_epoch_5": {"corrupted_data", "rearrange", "shuffle_weights"},
    "starts_at_epoch_7": {"corrupted_data", "rearrange", "shuffle_weights"},
    "gated_to_40": {"corrupted_data"},
    "gated_to_10": {"corrupted_data"},
    "hashed_data": set[str](),
    "hashed_trained_weights": set[str](),
}
"""The checks that destroy what each method uses by construction; the others provably change no distribution."""
HARM = ("uses", "uses little")
LITTLE = "below the margin"


class Finding(NamedTuple):
    """What was found for one test."""

    ticket: str
    check: str
    uses: bool
    word: str
    effect: str
    seeds: int
    minutes: float
    """CPU minutes of all runs that the test needs up to this look."""

    @property
    def judged(self) -> str:
        """Whether the word agrees with the construction: yes, NO, open, or a use that costs less than the margin."""
        if self.word == "inconclusive":
            return "open"
        if self.word == "ignores":
            return LITTLE if self.uses else "yes"
        return "yes" if self.uses and self.word in HARM else "NO"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the study as far as asked, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("controls"), help="holds the study's results")
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--output", type=Path, default=HERE.parent / "docs" / "controls.md")
    parser.add_argument("--only-tell", action="store_true", help="run nothing; write what is there")
    parsed = parser.parse_args(arguments)
    if not parsed.only_tell:
        run(parsed.folder, parsed.cores)
    study = load_study(HERE / STUDY)
    results = collect(study, parsed.folder)
    write_text(parsed.output, page(study, found(study, results, parsed.folder), results))


def run(folder: Path, cores: int) -> None:
    """Run the study in a folder until every test is decided."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (STUDY, METHODS):
        shutil.copy2(HERE / name, folder / name)
    command = [sys.executable, "-m", "prunepipe.cli", "run", STUDY, "--until-decided", "--cores", str(cores)]
    source = str(HERE.parent / "src")
    subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": source}, check=True)


def found(study: Study, results: pd.DataFrame, folder: Path) -> list[Finding]:
    """Return the first word other than `inconclusive` of every test, with the seeds and the time that it took."""
    first: dict[tuple[Any, ...], Finding] = {}
    for look in study.verdict.looks:
        seeds = study.seeds[:look]
        table = verdicts_of(results[results["seed"].isin(seeds)], study.model_copy(update={"seeds": seeds}))
        for row in table.to_dict("records"):
            key = tuple(row[name] for name in TEST)
            if key not in first or first[key].word == "inconclusive":
                first[key] = _finding(study, {str(name): value for name, value in row.items()}, folder)
    return list(first.values())


def _finding(study: Study, row: dict[str, Any], folder: Path) -> Finding:
    effect = f"{row['effect']:+z.2f} [{row['interval_low']:+z.2f}, {row['interval_high']:+z.2f}]"
    return Finding(
        row["ticket"],
        row["check"],
        row["check"] in USED[row["ticket"]],
        row["verdict"],
        effect if row["look"] else "-",
        int(row["look"]),
        _cpu_seconds(study, row, folder) / 60,
    )


def _cpu_seconds(study: Study, row: dict[str, Any], folder: Path) -> float:
    """Return the CPU time of the runs behind a word."""
    test = pd.DataFrame([{**{name: row[name] for name in TEST}, "seeds": study.seeds[: int(row["look"])]}])
    runs = {place for seeds in seed_folders(study, test).values() for own in seeds for place in own}
    files = [file for place in runs for file in (folder / place).glob("*.benchmark.jsonl")]
    return sum(json.loads(file.read_text().splitlines()[-1])["cpu_seconds"] for file in files)


INTRODUCTION = """# Control methods

A test of the verdicts: methods that use the data, the connections or the places of the weights *by construction*, at
several strengths, and methods that provably do not, though their runs are not identical. The study is
`benchmarks/controls.yaml` (the quickstart's data, network and recipe, 95 % pruned, margin {margin:g}); the methods that
are not rows of choices are in `benchmarks/control_methods.py`. `python benchmarks/controls.py` runs it look by look and
writes this page.

* `starts_at_epoch_K`: keeps the largest weights after K of 8 epochs and trains the remaining epochs. The later the
  start, the less can be made good: the data behind the weights, which of them are kept, and where each sits all matter.
* `gated_to_N`: random positions on initial weights. Only if the images do not tell the classes apart, the third layer
  keeps N weights instead of 413. It uses the data, and no particular connection.
* `hashed_data`: random positions, drawn from a hash of the images and labels. Other data give another mask of the same
  distribution, and so do rearranged positions and other initial weights: it uses none of them.
* `hashed_trained_weights`: the same with a hash of the trained weights, which are themselves not used.

**{counts}.** The study made {made} runs; 20 seeds of everything would take {all}.
CPU minutes are the sum over all runs behind a word; a run that serves several words counts for each.
{little}"""
LITTLE_NOTE = """
*Below the margin*: the method uses what the check destroys, but loses less than the margin of {margin:g} points. The
claim of `ignores`, "mean accuracy changes by less than the margin", is true; the reading "does not use it" holds up
to the margin only.
"""
HEAD = (
    "method",
    "check",
    "by construction",
    "word",
    "agrees",
    "effect (90 % interval)",
    "seeds",
    "CPU minutes",
)


def page(study: Study, findings: Sequence[Finding], results: pd.DataFrame) -> str:
    """Return the page as Markdown."""
    judged = [one.judged for one in findings]
    counts = (
        f"Of {len(findings)} tests, {judged.count('yes')} agree with the construction, {judged.count('NO')} contradict "
        f"it, {judged.count(LITTLE)} find a loss below the margin, {judged.count('open')} are open"
    )
    introduction = INTRODUCTION.format(
        margin=study.verdict.margin,
        counts=counts,
        little=LITTLE_NOTE.format(margin=study.verdict.margin) if LITTLE in judged else "",
        made=int((results["status"] == "done").sum()),
        all=len(results),
    )
    table = [HEAD, (":--",) * len(HEAD), *map(_cells, findings)]
    return "\n".join([introduction, *("| " + " | ".join(cells) + " |" for cells in table), ""])


def _cells(one: Finding) -> tuple[str, ...]:
    use = "uses it" if one.uses else "does not use it"
    word = "open" if one.word == "inconclusive" else one.word
    where = (f"`{one.ticket}`", one.check, use, f"**{word}**", one.judged)
    return (*where, one.effect, str(one.seeds), f"{one.minutes:.1f}")


if __name__ == "__main__":
    main()
