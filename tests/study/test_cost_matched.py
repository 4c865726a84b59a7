"""Unequal budgets: a control as long as all trainings of another ticket, and the images behind every run."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from simulated_results import make_results, make_study

from prunepipe.artifacts import write_json
from prunepipe.planning.costs import plan
from prunepipe.reports.tables import build_table, to_markdown
from prunepipe.results.images_seen import images_seen
from prunepipe.results.layout import SEARCH, runs
from prunepipe.stages.settings import retrain_settings, score_id
from prunepipe.study.recipe import Recipe
from prunepipe.study.study import Study

NUMERICS = {"precision": "float32", "channels_last": False}
LATE = {
    "scored": "init",
    "score": "random",
    "allocation": "smart",
    "start": "epoch 1",
    "schedule": "remaining",
}
MATCHING = {"scored": "init", "score": "random", "allocation": "smart", "start": "init"}


def matching(small: dict[str, Any], other: str, **tickets: Any) -> Study:
    rows = {"control": {**MATCHING, "schedule": f"match {other}"}, **tickets}
    return Study.model_validate({**small, "tickets": rows, "prune_ratios": [0.9]})


@pytest.mark.parametrize(
    ("other", "row", "epochs"),
    [
        ("lottery", {}, 4 + 4),
        ("random", {}, 4),
        ("late", LATE, 1 + 3),
        ("imp", {}, 4 + 10 * 4 + 4),  # densities 0.8, 0.64, ... 0.107, and then 0.1
        ("imp_late_rewinding", {}, 4 + 10 * 3 + 3),
        ("rigl", {}, 4 + 4),
    ],
)
def test_a_matched_ticket_trains_as_long_as_all_that_the_other_needs(
    small: dict[str, Any], other: str, row: dict[str, Any], epochs: int
) -> None:
    study = matching(small, other, **{other: row})
    settings = retrain_settings(study, "vgg_digits", "control", 0.9, 0, NUMERICS)
    assert (settings.recipe.epochs, settings.first_epoch) == (epochs, 0)
    assert settings.recipe.milestones == (epochs // 2,)  # 2 of 4
    other_settings = retrain_settings(study, "vgg_digits", other, 0.9, 0, NUMERICS)
    assert other_settings.recipe == study.recipe


def test_the_control_of_the_zoology_matches_tickets_with_one_dense_run(small: dict[str, Any]) -> None:
    tickets, none = ["random", "random_cost_matched"], {"initial": []}
    study = Study.model_validate({**small, "tickets": tickets, "checks": none})
    rows = study.tickets
    assert score_id(rows["random"]) == score_id(rows["random_cost_matched"])  # the same mask
    assert study.recipe_of(rows["random_cost_matched"], 0.9).epochs == 8
    part = plan(study).parts[0]
    assert part.epochs == 4 + 4 + 8
    assert part.trained_images == (4 + 4 + 8) * 898


def test_a_stretched_recipe_keeps_the_shape_of_its_schedule() -> None:
    recipe = Recipe(epochs=10, learning_rate=0.1, milestones=(5, 8), warmup_epochs=2)
    longer = recipe.stretched(30)
    assert (longer.epochs, longer.milestones, longer.warmup_epochs) == (30, (15, 24), 6)
    assert [longer.learning_rate_of(3 * epoch) for epoch in range(2, 10)] == [
        recipe.learning_rate_of(epoch) for epoch in range(2, 10)
    ]
    assert recipe.stretched(10) == recipe


@pytest.mark.parametrize(
    ("tickets", "message"),
    [
        ({"a": {**MATCHING, "schedule": "match lotery"}}, "unknown ticket 'lotery'. Did you mean 'lottery'"),
        (
            {"a": {**MATCHING, "schedule": "match random_cost_matched"}},
            "matches lottery itself; say match lottery",
        ),
        ({"a": {**MATCHING, "schedule": "match a b"}}, "should match pattern"),
        ({"imp": {"schedule": "match lottery"}}, "but cycles train on the way to the mask"),
        ({"set": {"schedule": "match lottery"}}, "but an updater trains on the way to the mask"),
    ],
)
def test_schedules_that_match_nothing_are_refused(
    small: dict[str, Any], tickets: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        Study.model_validate({**small, "tickets": tickets})


TICKETS = {
    "lottery": {"checks": ["half_dataset"]},
    "random": {},
    "late": LATE,
    "rigl": {},
    "imp": {"cycles": [0.5, 0.1]},
}


def test_the_images_behind_a_run_are_those_of_every_training_before_it(
    small: dict[str, Any], tmp_path: Path
) -> None:
    study = Study.model_validate({**small, "tickets": TICKETS, "checks": {"initial": []}})
    for run in runs(study):
        images = {"dense/half_dataset": 50, "dense/clean": 100}
        own = next((count for place, count in images.items() if place in run.folder), 90)
        write_json(tmp_path / run.folder / "timing.json", {"seconds": [1.0], "images": own})
    seen = images_seen(study, tmp_path)
    found = {(run.ticket, run.check, run.prune_ratio): tuple(seen(run).values()) for run in runs(study)}
    assert found["full_network", "none", 0.0] == (100, 100)
    assert found["full_network", "half_dataset", 0.0] == (50, 50)
    assert found["random", "none", 0.9] == (90, 90)
    assert found["lottery", "none", 0.9] == (90, 100 + 90)
    assert found["lottery", "half_dataset", 0.9] == (90, 50 + 90)
    assert found["late", "none", 0.9] == (90, 100 / 4 + 90)  # one epoch of four
    assert found["imp", "none", 0.5] == (90, 100 + 90)
    assert found["imp", "none", 0.9] == (90, 100 + 90 + 90)
    assert found["rigl", "as_found", 0.9] == (90, 90)
    assert found["rigl", "none", 0.9] == (90, 90 + 90)
    (tmp_path / SEARCH.format(**place_of_rigl()) / "timing.json").unlink()
    again = images_seen(study, tmp_path)
    unknown = next(again(run) for run in runs(study) if (run.ticket, run.check) == ("rigl", "none"))
    assert unknown["images"] == 90
    assert unknown["images_total"] != unknown["images_total"]  # NaN: older results do not say


def place_of_rigl() -> dict[str, Any]:
    place = {"study": "small", "dataset": "digits", "network": "vgg_digits", "ticket": "rigl"}
    return {**place, "data": "clean", "prune_ratio": 0.9, "seed": 0}


def test_tables_say_where_budgets_differ() -> None:
    study = make_study(tickets=("lottery", "random", "snip"))
    results = make_results(study)
    results["images_total"] = results["ticket"].map(
        {"full_network": 100, "lottery": 200, "random": 100, "snip": 100}
    )
    told = to_markdown(build_table("random", results, study), study)
    assert (
        "Training images, with those of all trainings before, relative to the fewest: 1 times: Full network, SNIP, "
        "Random; 2 times: Lottery." in told
    )
    equal = to_markdown(build_table("random", results.assign(images_total=100.0), study), study)
    assert "Training images" not in equal
