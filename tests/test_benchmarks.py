"""The benchmarks run; what they say is not checked here, only that they say it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


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
    assert "no GPU: every figure is of the CPU" in text
    assert "the numbers mean nothing" in text
    titles = (
        "Training step",
        "Data pipeline",
        "Scores and masks",
        "Planning",
        "Collecting, tables, verdicts",
    )
    for title in titles:
        section = text.split(f"## {title}\n")[1].split("\n## ")[0]
        table = [line for line in section.splitlines() if line.startswith("|")]
        assert len(table) > 2, title
        assert len({line.count("|") for line in table}) == 1, title
    assert "| vgg19 | 1 | bfloat16, channels_last |" in text
