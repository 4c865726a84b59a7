"""A made-up score, allocation, check, network and data set, each one row of a plug-in, in a whole study."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from plugin_files import STUDY, install
from workflow_runs import make_project

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("workflow")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project beside an installed plug-in, with its study."""
    folder = tmp_path_factory.mktemp("plugin")
    install(folder / "installed")
    project = make_project(folder / "project", "plugged")
    (project / "config" / "plugged.yaml").write_text(STUDY)
    return project


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(map(str, (project / "src", project.parent / "installed")))
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=project,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )


def test_a_study_of_nothing_but_plugged_in_rows_runs_to_its_report(place: Path) -> None:
    done = run(place, "-m", "snakemake", "--cores", "2", "--config", "study=plugged")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    results = pd.read_csv(place / "results" / "results.csv", keep_default_na=False)
    assert set(results["status"]) == {"done"}
    assert set(results["check"]) == {"none", "blacken"}
    assert set(results.loc[results["ticket"] == "mine", "density"].round(2)) == {0.5}
    methods = pd.read_csv(place / "results" / "tables" / "methods.csv")
    assert methods["why"].str.contains("blacken|the pictures").all()  # the check counts
    page = (place / "results" / "report.html").read_text()
    assert "Bright squares" in page
    assert "Dots" in page


def test_what_a_row_tells_is_used_before_any_job_and_without_torch(place: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from prunepipe.planning.costs import plan\nfrom prunepipe.planning.plan import plan_text\n"
        "from prunepipe.study.loading import load_study\n"
        "study = load_study(Path('config/plugged.yaml'))\n"
        "cost = plan(study)\n"
        "print(cost.flops, cost.disk, study.tickets['mine'].reading)\n"
        "assert not {'torch', 'plug.functions'} & set(sys.modules)\n"
    )
    done = run(place, "-c", code)
    assert done.returncode == 0, done.stderr
    flops, disk, reading = done.stdout.split()
    assert int(flops) > 0
    assert int(disk) > 0
    assert reading == "none"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("power: 2", "power: 0", "score_options.power: got 0; it should be greater than 0"),
        ("score: power,", "score: powr,", "unknown score 'powr'. Did you mean 'power'?"),
        ("[blacken]", "[blackn]", "unknown check 'blackn'. Did you mean 'blacken'?"),
        ("[dots]", "[dot]", "unknown network 'dot'. Did you mean 'dots'?"),
        ("datasets: [squares]", "datasets: {squares: {pool: 3}}", "datasets.squares.pool: 3 must divide"),
    ],
)
def test_a_mistake_with_a_plugged_in_row_is_told_as_with_a_built_in_one(
    place: Path, old: str, new: str, message: str
) -> None:
    (place / "config" / "wrong.yaml").write_text(STUDY.replace(old, new))
    code = (
        "from pathlib import Path\n"
        "from prunepipe.study.loading import load_study\n"
        "load_study(Path('config/wrong.yaml'))"
    )
    done = run(place, "-c", code)
    assert message in done.stderr
