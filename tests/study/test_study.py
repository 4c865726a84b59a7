"""The study: what is accepted, what is refused and with which words, which cells it enumerates."""

from pathlib import Path

import pytest

from prunepipe.errors import ConfigError
from prunepipe.study.loading import load_site, load_study, study_path
from prunepipe.study.study import Cell, Study

VALID = """
datasets: [digits]
networks: [vgg_digits]
recipe: {epochs: 4, learning_rate: 0.1, milestones: [2]}
tickets: [lottery, hybrid]
prune_ratios: [0.9]
seeds: [0]
"""

MISTAKES = [
    ("seeds: [0]", "seeds: [0, 0]", "seeds: 0 is listed twice"),
    ("seeds: [0]", "seeds: []", "seeds: empty; it must hold at least one entry"),
    ("[lottery, hybrid]", "[]", "tickets: empty"),
    ("seeds: [0]", "seeds: [zero]", "seeds.0: got 'zero'"),
    ("seeds: [0]", "seed: [0]", "seed: unknown key 'seed'. Did you mean 'seeds'?"),
    ("seeds: [0]", "seeds: [0]\nseeds: [1]", "line 8: the key 'seeds' is given twice"),
    ("[0.9]", "[1.0]", "prune_ratios.0: got 1.0; it should be less than 1"),
    ("[0.9]", "[0.0]", "prune_ratios.0: got 0.0; it should be greater than 0"),
    ("[0.9]", "['0.9']", "prune_ratios.0: got '0.9'"),
    ("[lottery, hybrid]", "[lotery]", "unknown ticket 'lotery'. Did you mean 'lottery'?"),
    ("[lottery, hybrid]", "[hybrid, hybrid]", "hybrid is listed twice"),
    (
        "[lottery, hybrid]",
        "{lottery: {star: init}}",
        "tickets.lottery.star: unknown key 'star'. Did you mean 'start'?",
    ),
    ("[lottery, hybrid]", "{lottery: {score: snap}}", "unknown score 'snap'. Did you mean 'snip'?"),
    ("[lottery, hybrid]", "{lottery: {start: epoch 9}}", "epoch 9 is beyond recipe.epochs = 4"),
    ("[lottery, hybrid]", "{lottery: {start: later}}", "tickets.lottery.start: got 'later'"),
    ("[lottery, hybrid]", "{hybrid: {schedule: remaining}}", "leaves nothing to train"),
    (
        "[lottery, hybrid]",
        "{mine: {score: snip, allocation: global, start: init}}",
        "tickets.mine.scored: missing",
    ),
    (
        "[lottery, hybrid]",
        "{synflow: {checks: [invert]}}",
        "only the last of 100 rounds would be affected, and that one ranks the remaining weights again. Give the ",
    ),
    (
        "[lottery, hybrid]",
        "{snip: {rounds: 2, checks: [invert]}}",
        "only the last of 2 rounds would be affected",
    ),
    (
        "[lottery, hybrid]",
        "{lamp: {checks: [invert]}}",
        "allocation lamp takes no scores below 0. Give the ticket its own `checks:` without invert",
    ),
    (
        "[lottery, hybrid]",
        "{synflow: {allocation: constructed}}",
        "score synflow returns none, choose another",
    ),
    ("[lottery, hybrid]", "{grasp: {allocation: lamp}}", "allocation lamp takes no scores below 0"),
    ("[lottery, hybrid]", "{grasp: {rounds: 2}}", "redraw_linear would bring back pruned weights"),
    ("[digits]", "[digitz]", "unknown data set 'digitz'. Did you mean 'digits'?"),
    ("[digits]", "{digits: {pools: 2}}", "datasets.digits.pools: unknown key 'pools'. Did you mean 'pool'?"),
    (
        "[digits]",
        "{mine: {folder: a, source: digits}}",
        "datasets.mine: a data set comes from one place, got source and folder; give one of them",
    ),
    ("[digits]", "{digits: {image_size: 8}}", "datasets.digits: image_size is for a folder of images"),
    ("[digits]", "{mine: {arrays: a.npz, channels: 1}}", "datasets.mine: channels is for a folder of images"),
    ("[digits]", "{mine: {folder: a, channels: 2}}", "datasets.mine.channels: got 2; it should be 1 or 3"),
    ("[digits]", "{mine: {arrays: a.mat}}", "arrays: 'a.mat' must end in .npz or .safetensors"),
    ("[vgg_digits]", "[vgg_digit]", "unknown network 'vgg_digit'. Did you mean 'vgg_digits'?"),
    (
        "milestones: [2]",
        "evaluate: sometimes",
        "recipe.evaluate: got 'sometimes'; it should be every epoch, last, or",
    ),
    ("milestones: [2]", "milestones: [4]", "milestones [4] must lie between 1 and epochs - 1 = 3"),
    ("milestones: [2]", "milestones: [3, 2]", "must ascend"),
    (
        "milestones: [2]",
        "optimizer: adamv",
        "recipe.optimizer: unknown optimizer 'adamv'. Did you mean 'adam'?",
    ),
    ("milestones: [2]", "schedule: cosines", "unknown schedule 'cosines'. Did you mean 'cosine'?"),
    (
        "milestones: [2]",
        "optimizer: adamw, momentum: 0.9",
        "recipe: momentum is a key of optimizer sgd, not of adamw; leave it out, or choose another optimizer",
    ),
    ("milestones: [2]", "betas: [0.9, 0.99]", "betas is a key of optimizer adamw and adam, not of sgd"),
    ("milestones: [2]", "optimizer: adam, betas: [0.9]", "recipe.betas"),
    (
        "milestones: [2]",
        "schedule: cosine, milestones: [2]",
        "milestones is a key of schedule step, not of cosine",
    ),
    ("milestones: [2]", "schedule: constant, gamma: 0.5", "gamma is a key of schedule step, not of constant"),
    ("milestones: [2]", "warmup_epochs: 4", "warmup_epochs = 4 must be below epochs = 4"),
    (
        "milestones: [2]",
        "milestones: [2], warmup_epochs: 2",
        "milestones [2] must lie after the warm-up, warmup_epochs = 2",
    ),
    (
        "milestones: [2]",
        "schedule: linear, final_learning_rate: 1.0",
        "final_learning_rate = 1.0 must be at most learning_rate = 0.1",
    ),
    ("milestones: [2]", "label_smoothing: 1.0", "recipe.label_smoothing: got 1.0; it should be less than 1"),
    ("milestones: [2]", "clip_gradient_norm: 0", "clip_gradient_norm: got 0; it should be greater than 0"),
    ("epochs: 4", "epochs: four", "recipe.epochs: got 'four'; it should be a whole number"),
    ("epochs: 4", "epochs: 0", "recipe.epochs: got 0; it should be greater than 0"),
    ("epochs: 4", "epochs: 4, batch_size: 0", "recipe.batch_size: got 0; it should be greater than 1"),
    ("epochs: 4", "epochs: 4, momentum: 1.5", "recipe.momentum: got 1.5; it should be less than 1"),
    (
        "learning_rate: 0.1",
        "learning_rate: .nan",
        "recipe.learning_rate: got nan; it should be a finite number",
    ),
    (
        "seeds: [0]",
        "seeds: [0]\nchecks: {initial: [rearange]}",
        "unknown check 'rearange'. Did you mean 'rearrange'?",
    ),
    ("seeds: [0]", "seeds: [0]\ntables: [hybird]", "unknown table 'hybird'. Did you mean 'hybrid'?"),
    (
        "seeds: [0]",
        "seeds: [0]\ncustom_checks: {two: {mask: rearrange, data: half_dataset}}",
        "changes one stage",
    ),
    ("seeds: [0]", "seeds: [0]\ncustom_checks: {none: {mask: rearrange}}", "the name is built in"),
    (
        "seeds: [0]",
        "seeds: [0]\ncustom_checks: {clean: {mask: rearrange}}",
        "the name stands for what no check has changed",
    ),
    ("seeds: [0]", "seeds: [0]\ncustom_checks: {mine: {}}", "custom_checks.mine: changes nothing; name one"),
    (
        "seeds: [0]",
        "seeds: [0]\nchecks: {initial: [rearrange, rearrange]}",
        "checks.initial: rearrange is listed twice",
    ),
    (
        "[lottery, hybrid]",
        "{lottery: {checks: [reinit, reinit]}}",
        "tickets.lottery.checks: reinit is listed twice",
    ),
    (
        "[lottery, hybrid]",
        "{full_network: {scored: init, score: snip, allocation: global, start: init}}",
        "tickets.full_network: the results call the unpruned network so",
    ),
]


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text)
    return path


def test_a_valid_study_takes_its_name_from_the_file(tmp_path: Path) -> None:
    assert load_study(written(tmp_path, VALID)).name == "mine"


@pytest.mark.parametrize(("right", "wrong", "message"), MISTAKES)
def test_each_mistake_is_told_in_a_line(tmp_path: Path, right: str, wrong: str, message: str) -> None:
    assert right in VALID
    with pytest.raises(ConfigError) as raised:
        load_study(written(tmp_path, VALID.replace(right, wrong)))
    text = str(raised.value)
    assert message in text
    assert "mine.yaml" in text
    assert len(text.splitlines()) <= 2


@pytest.mark.parametrize("text", ["", "a: [", "- 1", "a: \x00"])
def test_files_that_are_no_study_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="mine.yaml"):
        load_study(written(tmp_path, text))


def test_an_unknown_study_names_those_that_exist(tmp_path: Path) -> None:
    written(tmp_path, VALID)
    with pytest.raises(ConfigError, match="unknown study 'mime'. Did you mean 'mine'"):
        study_path("mime", tmp_path)


def test_site_configuration_refuses_unknown_keys() -> None:
    with pytest.raises(ConfigError, match="unknown key 'divice'. Did you mean 'device'"):
        load_site({"divice": "cpu"})


def test_cells_are_every_ticket_under_its_checks_once(study: Study) -> None:
    cells = list(study.cells())
    assert len(cells) == len(set(cells)) == 6
    assert cells[0] == Cell("digits", "vgg_digits", "lottery", "none", 0.9, 0)
    assert {cell.check for cell in cells if cell.ticket == "lottery"} == {
        "none",
        "corrupted_data",
        "rearrange",
    }
    assert {cell.check for cell in cells if cell.ticket == "hybrid"} == {
        "none",
        "half_dataset",
        "shuffle_weights",
    }


def test_one_dense_run_serves_all_tickets(small: dict) -> None:
    small |= {"tickets": ["lottery", "hybrid", "learning_rate_rewinding", "obd", "snip"], "seeds": [0, 1]}
    runs = list(Study.model_validate(small).dense_runs())
    assert [(run.data, run.seed) for run in runs] == [
        (data, seed) for data in ("clean", "corrupted_data", "half_dataset") for seed in (0, 1)
    ]


def test_tickets_of_initial_weights_need_no_corrupted_dense_run(small: dict) -> None:
    runs = Study.model_validate(small | {"tickets": ["snip", "random"]}).dense_runs()
    assert [run.data for run in runs] == ["clean"]  # only the full network's row


def test_a_ticket_row_overrides_the_built_in_one(small: dict) -> None:
    ticket = Study.model_validate(small | {"tickets": {"lottery": {"start": "epoch 1"}}}).tickets["lottery"]
    assert (ticket.start, ticket.score) == ("epoch 1", "magnitude")
    assert not ticket.initial


def test_rewind_epochs_are_those_that_tickets_name(small: dict) -> None:
    tickets = {
        "late": {"scored": "epoch 3", "score": "magnitude", "allocation": "global", "start": "epoch 1"}
    }
    assert Study.model_validate(small | {"tickets": tickets}).rewind_epochs == (1, 3)


def test_a_ticket_can_choose_its_own_checks(small: dict) -> None:
    study = Study.model_validate(small | {"tickets": {"lottery": {"checks": ["invert"]}}})
    assert study.checks_of("lottery") == ("none", "invert")


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[2] / "config").glob("*.yaml")), ids=lambda p: p.stem
)
def test_every_shipped_study_is_valid(path: Path) -> None:
    study = load_study(path)
    assert study.name == path.stem
    assert list(study.cells())
    judged = any(len(study.checks_of(ticket)) > 1 for ticket in study.tickets)
    assert bool(study.verdict.positive_controls) == judged
