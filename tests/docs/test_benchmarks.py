"""The benchmarks run; what they say is not checked here, only that they say it."""

import subprocess
import sys
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


def test_one_section_can_be_renewed_and_the_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from benchmark import document
    from measuring import Options, Section

    options = Options(torch.device("cpu"))
    sections = [Section(title, "text", [{"ms": "1"}]) for title in ("Training step", "Planning", "Data")]
    page = document(sections, options)
    assert document(sections[1:2], options, page) == page
    renewed = document([Section("Planning", "text", [{"ms": "2"}])], options, page)
    assert renewed == page.replace(
        "## Planning\n\ntext\n\n| ms |\n| --- |\n| 1 |", "## Planning\n\ntext\n\n| ms |\n| --- |\n| 2 |"
    )
    assert renewed != page
    with pytest.raises(ValueError, match="no section 'Data'"):
        document(sections[2:], options, page.replace("## Data", "## Other"))


def test_figures_of_another_machine_stand_below_those_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import benchmark
    from measuring import Options, Section

    options = Options(torch.device("cpu"))
    monkeypatch.setattr(benchmark, "machine", lambda device: "first machine, 2 cores")
    page = benchmark.document(
        [Section(title, "text", [{"ms": "1"}]) for title in ("Planning", "Data")], options
    )
    for name, ms in (("second", "2"), ("third", "3"), ("second", "4")):
        monkeypatch.setattr(benchmark, "machine", lambda device, name=name: f"{name} machine, 8 cores")
        page = benchmark.document([Section("Planning", "text", [{"ms": ms}])], options, page)
    planning, data = page.split("\n## ")[1:]
    assert data.count("###") == 0
    assert [line for line in planning.splitlines() if line.strip("| ").isdigit()] == [
        "| 1 |",
        "| 3 |",
        "| 4 |",
    ]
    heads = [line.split(" machine")[0] for line in planning.splitlines() if line.startswith("### On ")]
    assert heads == ["### On third", "### On second"]
