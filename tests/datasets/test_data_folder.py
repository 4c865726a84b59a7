"""The data folder: one form however it is written, refused before any job if nothing can be put there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from prunepipe.errors import ConfigError
from prunepipe.study.loading import load_site

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory, which is also the home."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "file").write_text("")
    return tmp_path


@pytest.mark.parametrize("folder", ["data", "data/", "./data", "old/../data//"])
def test_spellings_of_one_folder_are_one(folder: str) -> None:
    assert load_site({"data_folder": folder}).data_folder == "data"


def test_the_home_is_filled_in(project: Path) -> None:
    assert load_site({"data_folder": "~/my data/"}).data_folder == str(project / "my data")


@pytest.mark.parametrize("folder", ["", " ", "a{name}", "$HOME/data", "a\nb", "~nobody_of_that_name/data"])
def test_what_is_no_plain_path_is_refused(folder: str) -> None:
    with pytest.raises(
        ConfigError, match="config.yaml: data_folder: '.*' cannot be used; give a path such as"
    ):
        load_site({"data_folder": folder})


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("missing/data", "does not exist, nor does missing; .* make it"),
        ("file", "is a file; name the folder"),
    ],
)
def test_a_folder_that_cannot_be_made_is_refused_before_any_job(folder: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"config.yaml: data_folder: '{folder}' {message}"):
        load_site({"data_folder": folder})


def test_raw_data_may_be_read_only_if_prepared_data_sets_go_elsewhere(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "raw").mkdir()
    monkeypatch.setattr(
        "os.access", lambda path, mode: Path(path).name != "raw"
    )  # as root one can always write
    with pytest.raises(ConfigError, match="data_folder: 'raw' cannot be written.*set prepared_folder"):
        load_site({"data_folder": "raw"})
    assert load_site({"data_folder": "raw", "prepared_folder": "./mine/"}).prepared == "mine"
    (project / "mine").symlink_to(project / "raw")
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(ConfigError, match="prepared_folder: 'mine' cannot be written"):
        load_site({"data_folder": "raw", "prepared_folder": "mine"})
    with pytest.raises(ConfigError, match="prepared_folder: 'a/b' does not exist, nor does a; name a folder"):
        load_site({"data_folder": "raw", "prepared_folder": "a/b"})


@pytest.mark.workflow
def test_jobs_find_a_folder_with_a_space_and_a_slash_at_its_end(project: Path) -> None:
    for part in ("Snakefile", "config.yaml", "config", "workflow", "profiles", "envs"):
        (project / part).symlink_to(ROOT / part)
    target = "results/runs/quickstart/digits/vgg_digits/initial/init/seed10/weights.safetensors"
    command = [sys.executable, "-m", "snakemake", target, "--cores", "1", "--config", "data_folder=my data/"]
    command += ["prepared_folder=prepared here"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert [*(project / "my data").iterdir()] == []
    suffixes = sorted(path.suffix for path in (project / "prepared here").iterdir())
    assert suffixes == [".jsonl", ".log", ".safetensors"]
