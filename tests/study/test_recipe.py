"""The recipe's tables of optimizers and schedules, and what a recipe says of itself."""

from collections.abc import Mapping
from typing import Any

import pytest

from prunepipe.plugins import load_function
from prunepipe.study.recipe import CHOICES, OPTIMIZERS, SCHEDULES, Recipe


def recipe(**keys: Any) -> Recipe:
    return Recipe(**{"epochs": 4, "learning_rate": 0.1, **keys})


@pytest.mark.parametrize("choice", CHOICES)
def test_every_constant_of_a_row_is_a_key_of_the_recipe_with_its_defaults_in_the_reference(
    choice: str,
) -> None:
    table: Mapping[str, Any] = CHOICES[choice]
    for name, row in table.items():
        assert recipe(**{choice: name}).constants(choice) == row.constants
        for key in row.constants:
            assert name in str(Recipe.model_fields[key].description).rpartition("default: ")[2]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_class_of_an_optimizer_exists(name: str) -> None:
    assert load_function(OPTIMIZERS[name].function)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("warm", [0, 3])
def test_every_schedule_starts_at_its_rate_once_warm_and_never_rises_above_it(
    schedule: str, warm: int
) -> None:
    chosen = recipe(epochs=30, schedule=schedule, warmup_epochs=warm)
    rates = [chosen.learning_rate_of(epoch) for epoch in range(30)]
    assert rates[warm] == 0.1
    assert min(rates) > 0
    assert max(rates) == 0.1


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_recipe_survives_its_own_settings(optimizer: str, schedule: str) -> None:
    chosen = recipe(optimizer=optimizer, schedule=schedule)
    assert Recipe.model_validate(chosen.model_dump(mode="json"), strict=False) == chosen
    told = chosen.model_dump(mode="json", exclude_unset=True)
    assert Recipe.model_validate(told, strict=False) == chosen


def test_what_a_recipe_leaves_out_is_what_it_was_before_there_were_choices() -> None:
    before = recipe(momentum=0.9, weight_decay=1e-4, milestones=[], gamma=0.1)
    assert before == recipe() == recipe(optimizer="sgd", schedule="step", nesterov=False, momentum=None)
