"""Measure everything that should be fast and write docs/benchmarks.md: `make benchmark`."""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from growth import planning, results
from keeping import keeping
from measuring import ROOT, Options, Section, machine, versions
from selection import memory_of_scores, scores_and_masks
from steps import data_pipeline, optimizers, training_steps, transformer
from studies import whole_study

from prunepipe.execution.devices import prepare_process, resolve_device

HEAD = """# Benchmarks

Made by `make benchmark` on {date}.

* Machine: {machine}.
* Versions: {versions}.
* Ratios of times taken in turns in one run are what to compare; absolute times belong to this machine.{note}

"""
OTHER = "### On "
"""Heads the figures of another machine than the page's, below its own."""
MEASURES: dict[str, Callable[..., Any]] = {
    "steps": training_steps,
    "optimizers": optimizers,
    "transformer": transformer,
    "data": data_pipeline,
    "scores": scores_and_masks,
    "memory": memory_of_scores,
    "keeping": keeping,
    "planning": planning,
    "results": results,
    "study": whole_study,
}
"""The benchmarks that can be run separately, in the order of the document."""

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
    parser.add_argument(
        "--only",
        metavar="NAME",
        choices=list(MEASURES),
        help="measure this alone, and renew it in the document",
    )
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks.md")
    arguments = parser.parse_args()
    prepare_process(1)
    options = Options(resolve_device(arguments.device), arguments.quick)
    print(machine(options.device), flush=True)
    if arguments.only and not arguments.output.is_file():  # now, and not after minutes of measuring
        parser.error(
            f"--only renews a part of a page, and there is no {arguments.output}; measure everything once"
        )
    names = [arguments.only] if arguments.only else list(MEASURES)
    sections = [section for name in names for section in _measured(name, options, arguments.seeds)]
    before = arguments.output.read_text(encoding="utf-8") if arguments.only else None
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(document(sections, options, before), encoding="utf-8")


def _measured(name: str, options: Options, seeds: int) -> list[Section]:
    found = whole_study(options, seeds) if name == "study" else [MEASURES[name](options)]
    for section in found:
        print(section.markdown(), flush=True)
    return found


def document(sections: Sequence[Section], options: Options, before: str | None = None) -> str:
    """Return the page: all sections, or an existing page with some of its sections replaced.

    A page of another machine keeps its figures; those of this machine stand below them.

    Raises:
        ValueError: the page of before lacks a section.
    """
    if before is None:
        head = HEAD.format(
            date=datetime.date.today().isoformat(),
            machine=machine(options.device),
            versions=versions(),
            note=NOTE if options.quick else "",
        )
        return head + "\n".join(section.markdown() for section in sections)
    parts = before.split("\n## ")
    here = machine(options.device)
    for section in sections:
        place = _place(parts, section.title)
        body = section.markdown().removeprefix("## ")
        parts[place] = body if here in parts[0] else _beside(parts[place], body, here)
    return "\n## ".join(part.rstrip("\n") + "\n" for part in parts)


def _place(parts: Sequence[str], title: str) -> int:
    found = [number for number, part in enumerate(parts) if part.startswith(f"{title}\n")]
    if not found:
        raise ValueError(f"the page has no section '{title}'; measure everything once.")
    return found[0]


def _beside(part: str, body: str, here: str) -> str:
    """Return a section with this machine's figures below those of the page's machine and of others."""
    others = part.rstrip("\n").split(f"\n{OTHER}")
    name = f"{here}, {versions()}\n"
    kept = [other for number, other in enumerate(others) if number == 0 or not other.startswith(f"{here}, ")]
    return f"\n\n{OTHER}".join(other.strip("\n") for other in [*kept, name + "\n" + body.split("\n", 2)[2]])


if __name__ == "__main__":
    main()
