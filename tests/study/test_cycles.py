"""Iterative pruning in a study: which cycles there are, what they share, what is refused."""

from typing import Any

import pytest
from pydantic import ValidationError

from prunepipe.planning.costs import plan
from prunepipe.study.study import Study
from prunepipe.study.ticket import Cycles


def cycling(small: dict[str, Any], row: Any = None, **changes: Any) -> Study:
    return Study.model_validate({**small, "tickets": {"imp": row or {}}, **changes})


def test_each_cycle_removes_its_share_and_the_last_meets_the_prune_ratio() -> None:
    levels = Cycles(share=0.2).levels(0.95)
    assert levels[:4] == (0.2, 0.36, 0.488, 0.5904)
    assert len(levels) == 13  # 0.8^13 = 0.055 is above 0.05, 0.8^14 = 0.044 is not
    assert all(level == pytest.approx(1 - 0.8**cycle, abs=1e-6) for cycle, level in enumerate(levels, 1))


def test_listed_densities_are_passed_until_one_is_not_above_the_wanted() -> None:
    cycles = Cycles(densities=(0.5, 0.2, 0.1, 0.05))
    assert cycles.levels(0.95) == (0.5, 0.8, 0.9)
    assert cycles.levels(0.85) == (0.5, 0.8)
    assert cycles.levels(0.3) == ()


def test_prune_ratios_share_the_chain(small: dict[str, Any]) -> None:
    """Ratios 0.9, 0.95 and 0.98 pass 10, 13 and 17 cycles, and 17 are trained."""
    ratios = [0.9, 0.95, 0.98]
    study = cycling(small, prune_ratios=ratios, checks={"initial": []})
    assert [len(Cycles(share=0.2).levels(ratio)) for ratio in ratios] == [10, 13, 17]
    part = plan(study).parts[0]
    assert (part.dense_runs, part.cells, part.searches) == (1, 17 + 3, 0)
    assert study.level_before("imp", 0.9) == 0.892626
    assert study.level_before("imp", 0.95) == 0.945024
    assert study.level_before("imp", 0.2) is None


def test_a_prune_ratio_on_the_chain_is_one_cell(small: dict[str, Any]) -> None:
    study = cycling(
        small, {"cycles": [0.5, 0.1, 0.05]}, prune_ratios=[0.9, 0.95], checks={"initial": ["rearrange"]}
    )
    assert sorted(study.cells_of("imp")) == [
        *(("none", ratio) for ratio in (0.5, 0.9, 0.95)),
        *(("rearrange", ratio) for ratio in (0.9, 0.95)),
    ]


def test_a_data_check_trains_its_own_cycles(small: dict[str, Any]) -> None:
    study = cycling(small, {"cycles": [0.5, 0.1]})
    assert study.searches_of("imp") == [("corrupted_data", 0.5)]
    assert {run.data for run in study.dense_runs()} == {"clean", "corrupted_data"}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"cycles": [0.5, 0.2]}, "the cycles end at density 0.2, above 0.1, which prune ratio 0.9 leaves"),
        ({"cycles": [0.2, 0.5, 0.1]}, "must descend without repeats"),
        ({"cycles": {}}, "say either share, such as"),
        ({"cycles": {"share": 0.2, "densities": [0.1]}}, "say either share, such as"),
        ({"cycles": {"share": 20}}, "less than 1"),
        ({"cycles": {"share": 0.001}}, "greater than or equal to 0.01"),
        ({"scored": "init"}, "say scored: final"),
        ({"rounds": 2}, "rounds is 2, but every cycle prunes once"),
        ({"allocation": "smart"}, "does not rank what is left, as cycles must"),
        ({"checks": ["invert"]}, "only the last of its cycles would be affected"),
    ],
)
def test_cycles_that_cannot_be_are_refused(small: dict[str, Any], row: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        cycling(small, row)


def test_chains_that_train_differently_do_not_share_scores(small: dict[str, Any]) -> None:
    from prunepipe.stages.settings import score_id

    study = Study.model_validate({**small, "tickets": ["imp", "imp_lr_rewinding", "lottery"]})
    assert len({score_id(row) for row in study.tickets.values()}) == 3
