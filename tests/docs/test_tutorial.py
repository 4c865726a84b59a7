"""The tutorial as a reader would follow it: its code blocks are taken from the page and run."""

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from torch.nn.functional import cross_entropy
from workflow_runs import make_project, planned, snakemake

from prunepipe.cli.derived_study import BASELINE, BATTERY, CONTROLS
from prunepipe.cli.main import main
from prunepipe.networks.initialisation import initialise
from prunepipe.networks.vgg import vgg_digits
from prunepipe.plugins import load_function
from prunepipe.pruning.rounds import score_network
from prunepipe.pruning.scores import SCORES
from prunepipe.pruning.scores.enforcing import Scorer
from prunepipe.study.loading import load_study
from prunepipe.study.ticket import Ticket

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
BLOCKS = dict(
    re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```', PAGE.read_text(encoding="utf-8"), re.M | re.S)
)
COMMANDS = re.findall(r"^```bash\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a reader who saved every block under its title."""
    (tmp_path / "config").mkdir()
    for title, text in BLOCKS.items():
        if "." in title:
            (tmp_path / title).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def scores_of(reference: str, constructive: bool = False, **options: object) -> dict[str, np.ndarray]:
    """Score the digits network as a stage does: contract enforced, twice."""
    generator = torch.Generator().manual_seed(0)
    network = vgg_digits(channels=1, classes=10, image_size=8)
    initialise(network, generator=generator)
    images = torch.rand(20, 1, 8, 8, generator=generator)
    batches = [(images, torch.arange(20) % 10)]
    external = ":" in reference
    scorer = Scorer(
        load_function(reference if external else SCORES[reference].function),
        reference,
        options,
        ratios={"prune_ratio": 0.9} if constructive else {},
        constructive=constructive,
        external=external,
        check_determinism=external,
    )
    return score_network(network, scorer, batches, cross_entropy, generator=generator)


def test_the_page_has_the_blocks_that_are_tested() -> None:
    assert set(BLOCKS) == {
        "my_score.py",
        "config/mine.yaml",
        "my_gradient.py",
        "a row of tickets",
        "my_mask.py",
        "my_scorer.py",
    }


@pytest.mark.usefixtures("folder")
def test_the_readme_shows_the_same_score_and_it_is_the_gradient_of_the_exact_one() -> None:
    readme = (PAGE.parents[1] / "README.md").read_text(encoding="utf-8")
    assert BLOCKS["my_score.py"] in readme
    exact = scores_of("my_gradient.py:my_gradient")
    for name, layer in scores_of("my_score.py:my_score").items():
        np.testing.assert_allclose(layer, exact[name], atol=0.01 * exact[name].max())


@pytest.mark.usefixtures("folder")
def test_the_tutorials_gradient_takes_its_option_from_the_ticket() -> None:
    plain = scores_of("my_gradient.py:my_gradient")
    row = yaml.safe_load(BLOCKS["a row of tickets"])["weighted"]
    weighted = scores_of(Ticket.model_validate(row).score, **row["score_options"])
    sizes = scores_of("magnitude")
    for name, layer in scores_of("snip").items():
        np.testing.assert_allclose(weighted[name], sizes[name] * plain[name], rtol=1e-5)
        np.testing.assert_allclose(
            weighted[name] / weighted[name].max(), layer / layer.max(), rtol=1e-5, atol=1e-9
        )


@pytest.mark.usefixtures("folder")
def test_the_tutorials_mask_keeps_the_largest_weights() -> None:
    mask, sizes = scores_of("my_mask.py:my_mask", constructive=True), scores_of("magnitude")
    size = sum(layer.size for layer in mask.values())
    assert sum(layer.sum() for layer in mask.values()) == size - round(0.9 * size)
    kept, removed = ([sizes[name][mask[name] == value] for name in mask] for value in (1, 0))
    assert np.concatenate(kept).min() >= np.concatenate(removed).max()


@pytest.mark.usefixtures("folder")
def test_the_tutorials_class_is_synflow() -> None:
    flow = scores_of("synflow")
    for name, layer in scores_of("my_scorer.py:MyScorer").items():
        np.testing.assert_allclose(layer, flow[name], rtol=1e-3, atol=1e-6 * flow[name].max())


def test_the_tutorials_judge_command_is_accepted_and_writes_a_study(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = next(text for text in COMMANDS if "prunepipe judge" in text).split()
    asked: list[list[str]] = []
    monkeypatch.setattr("prunepipe.cli.deciding.run_on_screen", lambda called: asked.append(called) or 0)
    assert command[0] == "prunepipe"
    assert main([*command[1:], "--dry-run"]) == 0
    study = load_study(folder / "judged" / "my_score" / "my_score.yaml")
    assert list(study.tickets) == ["my_score", *CONTROLS, BASELINE, "fine_tuning"]
    assert study.verdict.positive_controls == {"fine_tuning": ("shuffle_weights",)}
    assert study.checks_of("my_score") == ("none", *BATTERY)
    assert len(study.seeds) == study.verdict.looks[-1] == 20
    assert len(asked) == 1


@pytest.mark.workflow
@pytest.mark.xdist_group("workflow")
def test_the_tutorials_study_runs(tmp_path: Path) -> None:
    """As it stands but for its size, two epochs, one seed, 200 images, and for a second method of the page, a class."""
    project = make_project(tmp_path / "project")
    for name in ("my_score.py", "my_scorer.py"):
        (project / name).write_text(BLOCKS[name], encoding="utf-8")
    values = yaml.safe_load(BLOCKS["config/mine.yaml"])
    values |= {"datasets": {"digits": {"train_images": 200, "test_images": 100}}, "seeds": [0]}
    del values["tickets"]["snip"]
    flow = {"score": "my_scorer.py:MyScorer", "checks": ["rearrange"]}
    values["tickets"]["flow"] = {**values["tickets"]["mine"], **flow}
    values["recipe"] = {"epochs": 2, "learning_rate": 0.05}
    (project / "config" / "tiny.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    done = snakemake(project, "results/tables/verdicts.md", "results/tables/initial_checks.md")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    results = pd.read_csv(project / "results" / "results.csv", keep_default_na=False)
    mine = results[results["ticket"] == "mine"]
    assert set(mine["check"]) == {"none", "corrupted_data", "rearrange"}
    assert set(mine["status"]) == set(results[results["ticket"] == "flow"]["status"]) == {"done"}
    page = (project / "results" / "tables" / "verdicts.md").read_text(encoding="utf-8")
    assert "mine" in page
    assert "flow" in page
    # As the page says: an edit of the function runs only what depends on it.
    text = BLOCKS["my_score.py"].replace("parameter.grad.abs()", "parameter.grad ** 2")
    (project / "my_score.py").write_text(text, encoding="utf-8")
    plan = planned(project, "results/tables/verdicts.md")
    assert "train_dense" not in plan
    assert plan["score"] == 2  # of the clean and of the corrupted data
    assert plan["retrain"] == 3
