"""Commands that tables, report and `inspect` print: they are run here as a reader would, dry."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from prunepipe.cli.main import main
from prunepipe.results.commands import cell_command, project_folder, remake_command
from prunepipe.study.loading import load_study

ROOT = Path(__file__).parents[2]
CHECKOUT = ("Snakefile", "config.yaml", "config", "workflow", "profiles")


def run_dry(command: str, folder: Path) -> str:
    """Give a printed command to a shell in a folder, as a dry run; return what it says."""
    here = {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    path = {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        ["bash", "-c", f"{command} --dry-run"],
        cwd=folder, env={**os.environ, **here, **path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def printed(study: Path) -> str:
    """Return the command of a cell of a study, as the scripts print it."""
    values = load_study(study)
    return cell_command(values, study, ("digits", "vgg_digits", values.prune_ratios[0], "lottery", "none"))


@pytest.mark.workflow
def test_in_a_checkout_it_is_snakemakes(tmp_path: Path, monkeypatch) -> None:
    for part in CHECKOUT:
        source = ROOT / part
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        copy(source, tmp_path / part)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config" / "mine.yaml").write_text((ROOT / "config" / "quickstart.yaml").read_text())
    command = printed(Path("config/mine.yaml"))
    assert command.startswith("snakemake results/runs/mine/digits/vgg_digits/tickets/lottery/none/p")
    assert command.endswith("/metrics.json --force --cores 1 --config study=mine")
    assert "evaluate " in run_dry(command, tmp_path)


@pytest.mark.workflow
def test_a_judged_method_is_made_again_in_its_folder_and_as_it_was_judged(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("prunepipe.cli.deciding.run_on_screen", lambda *_: 0)
    assert main(["judge", "snip", "--dry-run", "--seeds", "3", "--device", "cpu"]) == 0
    folder = tmp_path / "judged" / "own_snip"
    site = yaml.safe_load((folder / "config.yaml").read_text())
    assert site == {"study": "own_snip.yaml", "data_folder": str(tmp_path / "data"), "device": "cpu"}
    monkeypatch.chdir(folder)
    command = printed(folder / "own_snip.yaml")
    assert "/seed{0,1,2}/metrics.json --force --cores 1 --study own_snip.yaml" in command
    told = run_dry(command, folder)
    assert "seed0/metrics.json" in told
    assert "seed1/metrics.json" in told


def test_a_configuration_of_yours_is_left_alone_by_judge(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("prunepipe.cli.deciding.run_on_screen", lambda *_: 0)
    (tmp_path / "config.yaml").write_text("threads: 2\n")
    assert main(["judge", "snip", "--dry-run", "--output", str(tmp_path)]) == 0
    assert (tmp_path / "config.yaml").read_text() == "threads: 2\n"


def test_a_study_is_named_where_it_has_a_name_and_else_by_its_path(tmp_path: Path) -> None:
    along = remake_command("x", project_folder() / "config" / "fashion.yaml", tmp_path)
    assert along.endswith("--study fashion")
    assert remake_command("x", tmp_path / "config" / "a.yaml", tmp_path).endswith("--study a")
    assert remake_command("x", tmp_path / "b" / "a.yaml", tmp_path).endswith("--study b/a.yaml")
    other = remake_command("x", tmp_path / "my studies" / "a.yaml", tmp_path / "else")
    assert other.endswith(f"--study '{tmp_path}/my studies/a.yaml'")
