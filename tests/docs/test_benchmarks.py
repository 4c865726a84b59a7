"""The benchmarks run; what they say is not checked here, only that they say it."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from prunepipe.execution.devices import has_bfloat16

ROOT = Path(__file__).parents[2]


@pytest.mark.workflow
def test_the_benchmarks_run_in_quick_mode(tmp_path: Path) -> None:
    output = tmp_path / "benchmarks.md"
    command = [
        sys.executable,
        "benchmarks/benchmark.py",
        "--quick",
        "--device",
        "cpu",
        "--output",
        str(output),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    text = output.read_text()
    assert "no GPU: all figures are for the CPU" in text
    assert "the numbers mean nothing" in text
    titles = (
        "Training step",
        "Optimizers",
        "Data pipeline",
        "Scores and masks",
        "Memory of scores",
        "Checkpoints, leases and tickets",
        "Planning",
        "Collecting, tables, verdicts",
    )
    for title in titles:
        section = text.split(f"## {title}\n")[1].split("\n## ")[0]
        table = [line for line in section.splitlines() if line.startswith("|")]
        assert len(table) > 2, title
        assert len({line.count("|") for line in table}) == 1, title
    measured = has_bfloat16(torch.device("cpu"))  # what is only emulated is left out, and said so
    assert ("| vgg19 | 1 | bfloat16, channels_last |" in text) == measured
    assert ("This processor has no bfloat16" in text) != measured


@pytest.mark.parametrize(
    ("losses", "passed"),
    [
        ({}, ["float32, channels_last", "bfloat16, channels_last"]),
        ({("bfloat16, channels_last", "pruned"): 1.0}, ["float32, channels_last"]),
        ({("float32, channels_last", "dense"): -3.0, ("bfloat16, channels_last", "dense"): 3.0}, []),
    ],
)
def test_a_variant_passes_only_if_it_is_equivalent_dense_and_pruned(
    monkeypatch: pytest.MonkeyPatch, losses: dict, passed: list
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from equivalence import conclusion, judge
    from steps import OURS

    generator = np.random.default_rng(0)
    runs = pd.DataFrame(
        [
            {"seed": seed, "run": run, "variant": variant, "accuracy": accuracy}
            for seed in range(8)
            for run in ("dense", "pruned")
            for variant in OURS
            for accuracy in [82 - losses.get((variant, run), 0.0) + generator.normal(0, 0.2)]
        ]
    )
    rows, found = judge(runs, margin=1.0)
    assert found == passed
    assert len(rows) == 4
    assert ("stay with" in conclusion(found)) == (not passed)


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Measures on a machine of a name, and returns the document's headings and figures."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import benchmark
    from measuring import Section

    path = tmp_path / "benchmarks.md"
    monkeypatch.setattr(benchmark, "prepare_process", lambda threads: None)

    def measure(
        name: str, figure: int, *options: str, titles: Sequence[str] = ("data", "steps")
    ) -> list[str]:
        measures = {
            title: lambda options, title=title: Section(title, "text", [{"ms": str(figure)}])
            for title in titles
        }
        monkeypatch.setattr(benchmark, "MEASURES", measures)
        monkeypatch.setattr(benchmark, "machine", lambda device: f"{name} machine, 8 cores")
        monkeypatch.setattr(sys, "argv", ["benchmark.py", "--device", "cpu", "--output", str(path), *options])
        benchmark.main()
        lines = [line.strip("| ").split(" machine")[0] for line in path.read_text().splitlines()]
        return [line.lstrip("#").strip() for line in lines if line.startswith("##") or line.isdigit()]

    return measure


def test_one_section_can_be_renewed_or_added_and_the_others_stay(measured: Callable) -> None:
    assert measured("first", 1) == ["data", "1", "steps", "1"]
    assert measured("first", 2, "--only", "steps") == ["data", "1", "steps", "2"]
    added = measured("first", 3, "--only", "planning", titles=("data", "planning", "steps"))
    assert added == ["data", "1", "steps", "2", "planning", "3"]


def test_figures_of_machines_stand_side_by_side_and_replace_only_their_own(measured: Callable) -> None:
    measured("first", 1)
    assert measured("second", 2) == ["data", "1", "On second", "2", "steps", "1", "On second", "2"]
    measured("third", 3, "--only", "data")
    found = measured("second", 4, "--only", "data")
    assert found == ["data", "1", "On third", "3", "On second", "4", "steps", "1", "On second", "2"]
    found = measured("first", 5)
    assert found == ["data", "5", "On third", "3", "On second", "4", "steps", "5", "On second", "2"]


def test_a_new_section_of_another_machine_says_that_the_first_did_not_measure_it(
    measured: Callable, tmp_path: Path
) -> None:
    measured("first", 1)
    found = measured("second", 2, "--only", "planning", titles=("planning",))
    assert found == ["data", "1", "steps", "1", "planning", "On second", "2"]
    assert "Not measured on the machine of this page." in (tmp_path / "benchmarks.md").read_text()


def test_a_part_of_the_gpu_check_is_stopped_at_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from gpu_check import PARTS, run_part

    found = run_part("memory", ["--device", "cpu", "--quick"], tmp_path, 0.2)
    assert (found["state"], found["rows"]) == ("stopped after 0.2 s", [])
    assert found["seconds"] < 10
    assert sum(part.limit for part in PARTS.values()) <= 480  # 8 minutes, as the page on clusters says
