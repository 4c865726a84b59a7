"""Run the workflow in a copy of the project, on a tiny study."""

import atexit
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).parent.parent
PARTS = ("Snakefile", "config.yaml", "config", "workflow", "profiles", "envs", "src")
TINY = """
datasets:
  digits: {train_images: 200, test_images: 100}
networks: [vgg_digits]
recipe: {epochs: 2, learning_rate: 0.05, milestones: [1]}
tickets: [lottery, hybrid]
prune_ratios: [0.9]
seeds: [0]
tables: [hybrid, initial_checks]
"""
RUN = "results/runs/tiny/digits/vgg_digits/tickets/{}/{}/p0.9/seed0"


def snakemake(
    project: Path,
    *arguments: str,
    seconds: int = 300,
    site: Sequence[str] = (),
    environment: Mapping[str, str] = MappingProxyType({}),
) -> subprocess.CompletedProcess[str]:
    """Run Snakemake on the tiny study, in a fork of `snakemake_server`."""
    words = [*arguments, "--cores", "2", "--config", "study=tiny", *site]
    with tempfile.TemporaryDirectory() as folder:
        output, errors = Path(folder, "output"), Path(folder, "errors")
        request = {
            "folder": str(project),
            "arguments": words,
            "environment": {**os.environ, "PYTHONPATH": str(project / "src"), **environment},
            "output": str(output),
            "errors": str(errors),
            "seconds": seconds,
        }
        status = _answer(json.dumps(request))
        return subprocess.CompletedProcess(words, status, output.read_text(), errors.read_text())


def _answer(request: str) -> int:
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    print(request, file=server.stdin, flush=True)
    return int(server.stdout.readline())


@cache
def _server() -> subprocess.Popen[str]:
    """Start the server; it ends with this process."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, str(Path(__file__).with_name("snakemake_server.py"))]
    server = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    )
    atexit.register(server.communicate)
    return server


def planned(project: Path, *arguments: str) -> dict[str, int]:
    """Return how many jobs of each rule a dry run plans."""
    done = snakemake(project, "-n", *arguments)
    assert done.returncode == 0, done.stderr
    return jobs_of(done.stdout + done.stderr)


def jobs_of(said: str) -> dict[str, int]:
    """Return how many jobs of each rule Snakemake says that it plans, before it runs them too."""
    table = re.search(r"^job +count\n[- ]+\n(.*?)^total", said, re.M | re.S)
    rows = [line.split() for line in table.group(1).splitlines()] if table else []
    return {rule: int(count) for rule, count in rows if rule != "all"}


def make_project(folder: Path, study: str = "tiny") -> Path:
    """Return a copy of the project whose config.yaml names a study; that of `tiny` is there."""
    folder.mkdir()
    for part in PARTS:
        source = ROOT / part
        ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=ignore)
        else:
            shutil.copy2(source, folder / part)
    (folder / "config" / "tiny.yaml").write_text(TINY)
    edit(folder / "config.yaml", "study: quickstart", f"study: {study}")
    return folder


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
