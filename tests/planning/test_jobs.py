"""What the rules give their jobs: files, settings that the stages take, and the code that they can reach."""

import inspect
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from snakemake.common import get_function_params

from prunepipe.artifacts import write_json
from prunepipe.planning.jobs import Jobs
from prunepipe.planning.partial import partial_commands
from prunepipe.planning.start import load_workflow
from prunepipe.stages.schemas.checking import CheckSettings
from prunepipe.stages.schemas.evaluating import PlaceSettings
from prunepipe.stages.schemas.initialising import InitialSettings
from prunepipe.stages.schemas.masking import MaskSettings
from prunepipe.stages.schemas.preparing import DatasetSettings
from prunepipe.stages.schemas.rewinding import RewindSettings
from prunepipe.stages.schemas.scoring import ScoreSettings
from prunepipe.stages.schemas.training import DenseSettings, RetrainSettings
from prunepipe.stages.settings import score_id
from prunepipe.study.loading import Site
from prunepipe.study.study import Study

ROOT = Path(__file__).parents[2]
PLACE = {
    "name": "digits",
    "dataset": "digits",
    "network": "vgg_digits",
    "ticket": "lottery",
    "check": "rearrange",
    "source": "clean",
    "data": "clean",
    "point": "init",
    "draw": "reinit",
    "score_id": "magnitude-final",
    "prune_ratio": "0.9",
    "scored_ratio": "_any",
    "seed": "0",
}


class Wildcards(SimpleNamespace):
    def items(self) -> Any:
        return vars(self).items()


def wildcards(**changes: str) -> Wildcards:
    return Wildcards(**{**PLACE, **changes})


@pytest.fixture
def jobs(small: dict) -> Jobs:
    return Jobs(Study.model_validate(small), Site(), ROOT / "workflow" / "scripts")


@pytest.mark.parametrize(
    ("method", "model"),
    [
        ("dataset_settings", DatasetSettings),
        ("initial_settings", InitialSettings),
        ("dense_settings", DenseSettings),
        ("rewind_settings", RewindSettings),
        ("score_settings", ScoreSettings),
        ("mask_settings", MaskSettings),
        ("check_settings", CheckSettings),
        ("retrain_settings", RetrainSettings),
        ("dense_place", PlaceSettings),
        ("cell_place", PlaceSettings),
    ],
)
def test_every_stage_takes_the_settings_that_its_rule_gives(jobs: Jobs, method: str, model: type) -> None:
    text = getattr(jobs, method)(wildcards())
    assert model.model_validate_json(text).model_dump_json() == text


def test_a_cell_reads_what_its_ticket_and_its_check_say(jobs: Jobs) -> None:
    runs = "results/runs/small/{dataset}/{network}"
    changed = wildcards(check="corrupted_data")
    assert jobs.scored_weights(wildcards()) == f"{runs}/rewind/clean/final/seed{{seed}}/weights.safetensors"
    assert jobs.start_weights(changed) == f"{runs}/rewind/clean/init/seed{{seed}}/weights.safetensors"
    assert "/masks/{ticket}/corrupted_data/" in jobs.mask(changed)
    assert "/scores/magnitude-final/corrupted_data/p_any/" in jobs.scores(wildcards(source="corrupted_data"))
    redrawn = {
        check: bool(jobs.fresh_weights(wildcards(check=check))) for check in ("reinit", "shuffle_weights")
    }
    assert redrawn == {"reinit": True, "shuffle_weights": False}


def test_code_differs_by_stage_and_by_the_functions_that_are_loaded_by_name(jobs: Jobs) -> None:
    codes = [
        jobs.mask_code(wildcards()),
        jobs.mask_code(wildcards(ticket="hybrid")),
        jobs.check_code(wildcards()),
        jobs.dense_code(wildcards()),
        jobs.dense_code(wildcards(data="corrupted_data")),
        jobs.score_code(wildcards()),
        jobs.report_code(),
    ]
    assert len(set(codes)) == len(codes)


OWN_CODE = {
    "data": {"dataset_code"},
    "net": {"initial_code", "dense_code", "dense_code data_check", "score_code", "retrain_code"},
    "score": {"score_code"},
    "allocation": {"mask_code", "mask_code score_check"},
    "mask_check": {"check_code mask_check"},
    "weights_check": {"check_code weights_check"},
    "data_check": {"dense_code data_check"},
    "score_check": {"mask_code score_check"},
}
"""The stages whose code an edit of each of the user's files changes."""


def codes_of_own(small: dict, folder: Path, edited: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return the code of stages of a study of own functions, each in a file of its own, of which one was edited."""
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in OWN_CODE:
        Path(f"{name}.py").write_text(f"def f(*given, **options):\n    return {int(name == edited)}\n")
    mine = {"scored": "init", "score": "score.py:f", "allocation": "allocation.py:f", "start": "init"}
    checks = {
        f"{stage}_check": {stage: f"{stage}_check.py:f"} for stage in ("mask", "weights", "data", "score")
    }
    study = Study.model_validate(
        small
        | {"datasets": {"digits": {"source": "data.py:f"}}, "networks": {"n": {"architecture": "net.py:f"}}}
        | {"custom_checks": checks, "tickets": {"mine": {**mine, "checks": list(checks)}}}
    )
    jobs = Jobs(study, Site(), ROOT / "workflow" / "scripts")
    place = {"network": "n", "ticket": "mine", "score_id": score_id(study.tickets["mine"])}
    place["name"] = next(iter(jobs.dataset_keys))
    named = set().union(*OWN_CODE.values())
    changes = {name: name.partition(" ")[2] for name in named}
    return {
        name: getattr(jobs, name.split()[0])(
            wildcards(**place, **({"check": check, "source": check, "data": check} if check else {}))
        )
        for name, check in changes.items()
    }


def test_an_edit_of_own_code_changes_the_code_of_the_stages_that_load_it(
    small: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = codes_of_own(small, tmp_path / "before", "", monkeypatch)
    for edited, stages in OWN_CODE.items():
        after = codes_of_own(small, tmp_path / edited, edited, monkeypatch)
        assert {name for name, code in after.items() if code != before[name]} == stages, edited


def test_what_a_study_says_of_collapsed_tickets_reaches_those_that_are_or_may_be(
    small: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    layers = Path("results/runs/small/digits/vgg_digits/tickets/lottery/rearrange/p0.9/seed0/layers.json")
    layers.parent.mkdir(parents=True)
    for asked, found, told in [
        (True, None, True),
        (True, {"collapsed": False, "train_collapsed": False}, False),
        (False, {"collapsed": False, "train_collapsed": True}, True),
        (True, {"collapsed": True, "train_collapsed": False}, True),
        (False, {"collapsed": True, "train_collapsed": True}, False),
    ]:
        if found is not None:
            write_json(layers, found)
        study = Study.model_validate(small | {"train_collapsed": asked})
        text = Jobs(study, Site(), ROOT).retrain_settings(wildcards())
        assert RetrainSettings.model_validate_json(text).train_collapsed is told


def test_the_commands_of_partial_come_in_their_order(jobs: Jobs) -> None:
    text = partial_commands(jobs.study, Path("config/small.yaml"), "launch.py", "results/partial")
    commands = text.split("; ")
    scripts = [command.split(".py ")[1].split()[0] for command in commands[1:]]
    assert commands[0] == "rm -rf results/partial"
    assert list(dict.fromkeys(scripts)) == ["collect", "table", "verdicts", "overlap", "figure", "report"]
    assert all("--study config/small.yaml" in command for command in commands[1:])


def test_a_mistake_in_the_configuration_ends_the_workflow_with_a_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit, match="error: config.yaml: unknown study|error: .*quickstrt"):
        load_workflow({"study": "quickstrt"}, [])


def test_own_code_that_cannot_be_used_ends_the_workflow_in_a_line(
    jobs: Jobs, small: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    row = {"scored": "init", "score": "mine.py:score", "allocation": "global", "start": "init"}
    Path("config").mkdir()
    Path("config/small.yaml").write_text(yaml.safe_dump(small | {"tickets": {"mine": row}}))
    with pytest.raises(SystemExit, match=r"^error: tickets.mine.score: mine.py:score: no such file"):
        load_workflow({"study": "small"}, [])
    Path("mine.py").write_text("import beside\n\n\ndef score(network): ...\n")
    Path("beside.py").write_text("def top(\n")
    with pytest.raises(SystemExit, match=r"^error: .*beside.py, line 1: not Python \([^\n]*$"):
        jobs.code("score", row["score"])


def test_the_rules_hold_no_functions_of_their_own() -> None:
    for rules in (ROOT / "workflow").rglob("*.smk"):
        text = rules.read_text()
        assert "lambda" not in text, rules
        assert "def " not in text, rules


def test_snakemake_finds_the_arguments_of_the_methods_without_inspecting_them(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(inspect, "signature")
    assert list(get_function_params(jobs.prepared)) == ["wildcards"]
    assert list(get_function_params(jobs.launch)) == ["wildcards", "output"]
