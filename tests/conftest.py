"""Shared by the tests: small studies, and one CPU thread a process."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from workflow_runs import make_project, snakemake

from prunepipe.study.study import Study

ROOT = Path(__file__).parent.parent
DATA = Path(__file__).parent / "data"

os.environ.setdefault("OMP_NUM_THREADS", "1")
torch.set_num_threads(1)

SMALL: dict[str, Any] = {
    "name": "small",
    "datasets": ["digits"],
    "networks": ["vgg_digits"],
    "recipe": {"epochs": 4, "learning_rate": 0.1, "milestones": [2]},
    "tickets": ["lottery", "hybrid"],
    "prune_ratios": [0.9],
    "seeds": [0],
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests that need a GPU where there is none."""
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("cuda"):
                item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


@pytest.fixture
def small() -> dict[str, Any]:
    """The plain values of a small valid study."""
    return dict(SMALL)


@pytest.fixture
def study(small: dict[str, Any]) -> Study:
    """A small valid study."""
    return Study.model_validate(small)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose tiny study has run; not to be changed."""
    project = make_project(tmp_path_factory.mktemp("finished") / "project")
    done = snakemake(project, site=["checkpoint_seconds=0"])  # so that there are checkpoints to be removed
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return project


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished project, with its times of change."""
    return Path(shutil.copytree(finished, tmp_path / "project", symlinks=True))
