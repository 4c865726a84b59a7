"""The private parts of Snakemake that the workflow uses: a new version that lacks one is named here, and not by users.

When all pass under a new version, raise the upper bound in pyproject.toml.
"""

import inspect
import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from snakemake.api import Workflow
from snakemake.scheduling.job_scheduler import JobScheduler
from snakemake.settings.types import DeploymentSettings, ResourceSettings
from snakemake.workflow import DAG

ROOT = Path(__file__).parents[2]
PARTS = {
    "workflow.configfiles": Workflow,
    "workflow.current_basedir": Workflow,
    "workflow.dag": Workflow,
    "workflow.default_target": Workflow,
    "workflow.deployment_settings": Workflow,
    "workflow.is_main_process": Workflow,
    "workflow.local_exec": Workflow,
    "workflow.overwrite_configfiles": Workflow,
    "workflow.resource_settings": Workflow,
    "workflow.scheduler": Workflow,
    "workflow.dag.needrun_jobs": DAG,
    "workflow.deployment_settings.deployment_method": DeploymentSettings,
    "workflow.resource_settings._parsed_default_resources": ResourceSettings,
    "workflow.scheduler.job_rate_limiter": JobScheduler,
}


def used() -> set[str]:
    files = [
        ROOT / "Snakefile",
        ROOT / "workflow" / "Snakefile",
        *(ROOT / "workflow" / "rules").glob("*.smk"),
    ]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    return set(re.findall(r"(?<!/)\bworkflow(?:\.[a-z_]+)+", text))


def test_every_part_that_is_used_is_listed() -> None:
    wholes = {part.rpartition(".")[0] for part in PARTS}
    assert used() == PARTS.keys() - (wholes - used())


@pytest.mark.parametrize("part", PARTS)
def test_this_snakemake_has_the_part(part: str) -> None:
    owner, name = PARTS[part], part.rpartition(".")[2]
    fields = getattr(owner, "__dataclass_fields__", {})
    assert hasattr(owner, name) or name in fields or f"self.{name} = " in inspect.getsource(owner), (
        f"Snakemake {version('snakemake')} has no {part}; the workflow uses it."
    )


def test_the_upper_bound_is_above_the_version_that_was_tried() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    bound = next(re.search(r"<(\d+)\.(\d+)", entry) for entry in listed if entry.startswith("snakemake"))
    assert bound is not None
    major, minor = (int(part) for part in version("snakemake").split(".")[:2])
    assert (major, minor + 1) == tuple(map(int, bound.groups()))
