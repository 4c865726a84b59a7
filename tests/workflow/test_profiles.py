"""Profiles: every entry is explained, what is a cluster's own is only there, and only GPU jobs are submitted."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROFILES = sorted((ROOT / "profiles").glob("*/profile.yaml"))
RULES = "\n".join(path.read_text() for path in sorted((ROOT / "workflow").rglob("*.smk")))


def rules() -> dict[str, str]:
    """Return the text of each rule by its name."""
    parts = re.split(r"^rule (\w+):\n", RULES, flags=re.M)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def entry(text: str, line: int) -> list[str]:
    """Return the lines of the entry that starts at a line, down to the next one."""
    lines = text.splitlines()
    end = next((n for n in range(line + 1, len(lines)) if re.match(r"\S", lines[n])), len(lines))
    return lines[line:end]


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.parent.name)
def test_every_entry_of_a_profile_is_explained(path: Path) -> None:
    text = path.read_text()
    keys = yaml.safe_load(text)
    starts = {
        line.split(":")[0]: number for number, line in enumerate(text.splitlines()) if re.match(r"\w", line)
    }
    assert starts.keys() == keys.keys()
    assert [
        key for key, number in starts.items() if not any("#" in line for line in entry(text, number))
    ] == []


def test_profiles_agree_on_what_makes_a_result_stale() -> None:
    assert len({str(yaml.safe_load(path.read_text())["rerun-triggers"]) for path in PROFILES}) == 1
    assert {path.parent.name for path in PROFILES} >= {"default", "gpu", "slurm"}


def test_on_a_cluster_exactly_the_rules_with_a_gpu_are_submitted() -> None:
    listed = (ROOT / "workflow" / "Snakefile").read_text().partition("localrules:\n")[2].partition("\n\n")[0]
    local = {name.strip(" ,") for name in listed.splitlines()} - {"all"}
    with_gpu = {name for name, text in rules().items() if re.search(r"^ +gpu=", text, re.M)}
    assert with_gpu == {"train_dense", "search", "retrain", "score"}
    assert local == rules().keys() - with_gpu


def test_every_rule_with_a_job_asks_for_memory_and_time() -> None:
    lacking = {
        name
        for name, text in rules().items()
        if not all(re.search(rf"^ +{asked}=", text, re.M) for asked in ("mem_mb", "runtime"))
    }
    assert lacking == {"wanted"}  # which only lists files
    for name in ("train_dense", "search", "retrain", "score"):  # too much for one number
        assert re.search(r"mem_mb=JOBS\.\w+_memory,", rules()[name]), name


def test_no_rule_knows_about_a_cluster_and_none_retries() -> None:
    assert not re.search(r"slurm|partition|gpu_model|^ +(retries|group):", RULES, re.M | re.I)
    assert all("{resources.gpu}" in text for text in rules().values() if "gpu=" in text)
