"""The project's own files hold together: versions, generated references, imports, what a stage loads."""

import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from prunepipe.study.reference import generated_files

ROOT = Path(__file__).parents[2]
CONDA_NAMES = {"matplotlib": "matplotlib-base", "torch": "pytorch"}


def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().lower().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def required(section: str) -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = (
        project["dependencies"] if section == "dependencies" else project["optional-dependencies"][section]
    )
    return [re.split(r"[<>=[]", entry)[0].lower() for entry in listed]


def test_every_requirement_has_a_tested_version() -> None:
    extras = {name for extra in ("dev", "docs", "slurm") for name in required(extra)}
    assert set(required("dependencies")) | extras == set(pinned())


def test_the_conda_twin_lists_the_same_versions() -> None:
    conda = yaml.safe_load((ROOT / "envs" / "prunepipe.yaml").read_text())["dependencies"]
    versions = dict(entry.split("=") for entry in conda if "==" not in entry and ">=" not in entry)
    expected = {CONDA_NAMES.get(name, name): pinned()[name] for name in required("dependencies")}
    assert versions == expected


def test_the_tested_versions_are_within_the_bounds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for entry in chain(project["dependencies"], *project["optional-dependencies"].values()):
        requirement = Requirement(entry)
        version = pinned().get(requirement.name.lower())
        assert version is None or requirement.specifier.contains(version), entry


def test_every_requirement_is_imported() -> None:
    imported = {"pyyaml": "yaml", "scikit-learn": "sklearn"}
    files = [
        *(ROOT / "src").rglob("*.py"),
        *(ROOT / "workflow").rglob("*.py"),
        ROOT / "workflow" / "Snakefile",
    ]
    source = "\n".join(path.read_text(encoding="utf-8") for path in files)
    for name in required("dependencies"):
        assert re.search(rf"^\s*(import|from) {imported.get(name, name)}\b", source, re.M), name


@pytest.mark.parametrize("name", generated_files())
def test_the_configuration_reference_is_up_to_date(name: str) -> None:
    assert (ROOT / "config" / name).read_text() == generated_files()[name], "run: make docs"


@pytest.mark.parametrize(
    "module",
    ["", ".study.loading", ".study.reference", ".stages.settings", ".results.code_version", ".results.table"],
)
def test_planning_imports_no_torch(module: str) -> None:
    code = f"import prunepipe{module}, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("stage", ["rewind", "mask", "check", "evaluate", "collect", "table", "figure"])
def test_stages_that_move_numbers_start_without_torch(stage: str) -> None:
    """Import the script up to its last line, which would run it."""
    script = ROOT / "workflow" / "scripts" / f"{stage}.py"
    code = (
        f"import sys; sys.path.insert(0, {str(script.parent)!r}); text = open({str(script)!r}).read();"
        "exec(compile(text[: text.rindex('run(')], 'script', 'exec')); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("stage", ["initialise", "train_dense", "retrain", "score"])
def test_stages_with_torch_import_neither_torchvision_nor_dynamo(stage: str) -> None:
    module = {"initialise": "initialising", "score": "scoring"}.get(stage, "training")
    code = (
        f"import prunepipe.stages.{module}, prunepipe.networks.vgg, prunepipe.execution.devices, sys;"
        "prunepipe.execution.devices.prepare_process(1);"
        "sys.exit(any(name in sys.modules for name in ('torchvision', 'torch._dynamo')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
