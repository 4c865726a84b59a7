"""Measure everything that should be fast and write docs/benchmarks.md: `make benchmark`."""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from breakdown import breakdown
from growth import planning, results
from keeping import keeping
from measuring import ROOT, Options, Section, machine, versions
from selection import mask_updates, memory_of_scores, scores_and_masks
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
"""Start of the heading over another machine's figures, which follow those of the page's machine."""
MEASURES: dict[str, Callable[..., Any]] = {
    "steps": training_steps,
    "breakdown": breakdown,
    "optimizers": optimizers,
    "transformer": transformer,
    "data": data_pipeline,
    "scores": scores_and_masks,
    "updates": mask_updates,
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
        help="measure this alone; the rest of the document stays",
    )
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks.md")
    arguments = parser.parse_args()
    prepare_process(1)
    options = Options(resolve_device(arguments.device), arguments.quick)
    print(machine(options.device), flush=True)
    names = [arguments.only] if arguments.only else list(MEASURES)
    page = page_to_renew(arguments.output, not arguments.only, options)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    for name in names:  # written after each, so that nothing measured is lost
        page = document(_measured(name, options, arguments.seeds), options, page)
        arguments.output.write_text(page, encoding="utf-8")


def page_to_renew(path: Path, whole: bool, options: Options) -> str:
    """Return the page that measurements go into: the file's, or a new one without sections.

    Args:
        path: the page.
        whole: whether everything is measured, so that date and versions of this machine's page are renewed.
        options: the device that is measured.
    """
    head = HEAD.format(
        date=datetime.date.today().isoformat(),
        machine=machine(options.device),
        versions=versions(),
        note=NOTE if options.quick else "",
    )
    if not path.is_file():
        return head
    before, *sections = path.read_text(encoding="utf-8").split("\n## ")
    return "\n## ".join([head if whole and machine(options.device) in before else before, *sections])


def _measured(name: str, options: Options, seeds: int) -> list[Section]:
    found = whole_study(options, seeds) if name == "study" else MEASURES[name](options)
    found = [found] if isinstance(found, Section) else found
    for section in found:
        print(section.markdown(), flush=True)
    return found


def document(sections: Sequence[Section], options: Options, before: str) -> str:
    """Return a page with some of its sections replaced or added.

    Figures of this machine replace only its own: on the page of another machine they stand below that one's.
    """
    parts = before.split("\n## ")
    here = machine(options.device)
    for section in sections:
        body = section.markdown().removeprefix("## ")
        found = [number for number, part in enumerate(parts) if part.startswith(f"{section.title}\n")]
        place = found[0] if found else len(parts)
        old = parts[place] if found else f"{section.title}\n\nNot measured on the machine of this page.\n"
        first, *others = old.rstrip("\n").split(f"\n{OTHER}")
        if here in parts[0]:
            first = body
        else:
            others = [other for other in others if not other.startswith(f"{here}, ")]
            others.append(f"{here}, {versions()}\n\n" + body.split("\n", 2)[2])
        parts[place:] = [_joined([first, *others]), *parts[place + 1 :]]
    return "\n## ".join(part.rstrip("\n") + "\n" for part in parts)


def _joined(figures: Sequence[str]) -> str:
    """Return a section from the figures of the page's machine and of others."""
    return f"\n\n{OTHER}".join(part.strip("\n") for part in figures)


if __name__ == "__main__":
    main()
