"""BatchNorm's statistics made anew before scoring and around retraining, if a ticket says so."""

from typing import Any

import numpy as np
import pytest
from test_stage_details import NUMERICS, data, initial_weights  # noqa: F401
from torch import nn

from prunepipe.datasets import read_dataset
from prunepipe.networks.structure import Structure
from prunepipe.stages import settings as make
from prunepipe.stages.execution import Execution
from prunepipe.stages.scoring import scoring_task
from prunepipe.stages.training import retrain
from prunepipe.study.study import Study

CHOICES: dict[str, list[str]] = {"plain": [], "scoring": ["scoring"], "evaluation": ["evaluation"]}


@pytest.fixture
def study(small: dict[str, Any]) -> Study:
    row = {"scored": "init", "score": "magnitude", "allocation": "smart", "start": "init"}
    recipe = {"epochs": 1, "learning_rate": 0.05, "augmentation": {"flip": True}}
    tickets = {name: {**row, "refresh_batch_norm": choice} for name, choice in CHOICES.items()}
    return Study.model_validate({**small, "tickets": tickets, "recipe": recipe})


def means(study: Study, data: str, ticket: str, variant: str = "clean") -> np.ndarray:  # noqa: F811
    """Return the running means of the network that a ticket's score receives."""
    settings = make.score_settings(study, "vgg_digits", ticket, variant, "_any", 0)
    weights = initial_weights(data)
    task = scoring_task(read_dataset(data), Structure(()), weights, settings, Execution(device="cpu"))
    layers = [module for module in task.network.modules() if isinstance(module, nn.BatchNorm2d)]
    return np.concatenate([layer.running_mean.numpy() for layer in layers])


def test_a_score_reads_fresh_statistics_if_its_ticket_says_so(study: Study, data: str) -> None:  # noqa: F811
    assert not means(study, data, "plain").any()
    assert not means(study, data, "evaluation").any()
    fresh = means(study, data, "scoring")
    assert (fresh != 0).all()
    np.testing.assert_array_equal(fresh, means(study, data, "scoring"))
    assert not np.array_equal(fresh, means(study, data, "scoring", "random_pixels"))  # the check's data
    ids = {name: make.score_id(row) for name, row in study.tickets.items()}
    assert ids["plain"] == ids["evaluation"] != ids["scoring"]


def test_a_ticket_is_tested_with_fresh_statistics_ahead_of_retraining_and_after(
    study: Study,
    data: str,  # noqa: F811
) -> None:
    weights = initial_weights(data)
    mask = {name: np.ones_like(value, bool) for name, value in weights.items() if value.ndim > 1}
    ends = {
        name: retrain(
            data,
            weights,
            mask,
            make.retrain_settings(study, "vgg_digits", name, 0.9, 0, NUMERICS),
            Execution(device="cpu"),
        )
        for name in ("plain", "evaluation")
    }
    assert ends["plain"].before["loss"] != ends["evaluation"].before["loss"]
    assert not np.array_equal(ends["plain"].logits, ends["evaluation"].logits)
    for name, value in ends["plain"].weights.items():
        same = np.array_equal(value, ends["evaluation"].weights[name])
        assert same != name.endswith(("running_mean", "running_var")), name
    assert ends["evaluation"].facts["images"] == 200


def test_an_unknown_stage_is_refused(small: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="'scoring' or 'evaluation'"):
        Study.model_validate({**small, "tickets": {"random": {"refresh_batch_norm": ["training"]}}})
