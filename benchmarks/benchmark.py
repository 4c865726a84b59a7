"""Measure everything that should be fast, and write docs/benchmarks.md: `make benchmark`."""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path

from growth import planning, results
from keeping import keeping
from measuring import ROOT, Options, Section, machine, versions
from selection import memory_of_scores, scores_and_masks
from steps import data_pipeline, training_steps
from studies import whole_study

from prunepipe.devices import prepare_process, resolve_device

HEAD = """# Benchmarks

Made by `make benchmark` on {date}.

* Machine: {machine}.
* Versions: {versions}.
* Ratios of times taken in turns in one run are what to compare; absolute times belong to this machine.{note}

"""
NOTE = "\n* Quick mode: sizes are tiny and the numbers mean nothing."


def main() -> None:
    """Run every benchmark and write the document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--device", default="auto", choices=("auto", "cpu", "cuda"), help="of steps and scores"
    )
    parser.add_argument("--quick", action="store_true", help="smallest sizes, to see that everything works")
    parser.add_argument(
        "--seeds", type=int, default=2, help="seeds of the whole study (the quickstart has 2)"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks.md")
    arguments = parser.parse_args()
    prepare_process(1)
    options = Options(resolve_device(arguments.device), arguments.quick)
    print(machine(options.device), flush=True)
    head = {
        "date": datetime.date.today().isoformat(),
        "machine": machine(options.device),
        "versions": versions(),
    }
    text = HEAD.format(**head, note=NOTE if options.quick else "")
    measures = (training_steps, data_pipeline, scores_and_masks, memory_of_scores, keeping, planning, results)
    for measure in measures:
        text += _said(measure(options))
    for section in whole_study(options, arguments.seeds):
        text += _said(section)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(text.rstrip() + "\n", encoding="utf-8")


def _said(section: Section) -> str:
    text = section.markdown() + "\n"
    print(text, flush=True)
    return text


if __name__ == "__main__":
    main()
