"""The controls of `judge`: the paper's where they have a budget, uniform and ERK shares where they have none."""

import numpy as np
import pytest

from prunepipe.cli.derived_study import Method, derived_study
from prunepipe.errors import ConfigError, ScoreError
from prunepipe.networks.structure import Layer, Structure
from prunepipe.plugins import load_function
from prunepipe.pruning.allocations import ALLOCATIONS
from prunepipe.pruning.masks import kept_total
from prunepipe.study.built_in import TICKETS
from prunepipe.study.controls import control_rows, known_kinds, leaves_budget
from prunepipe.study.feasibility import refuse_impossible
from prunepipe.study.study import Study
from prunepipe.study.ticket import Ticket

PAPER: dict = {"lottery": {}, "random": {}, "random_uniform": {}}
OTHER = {
    "lottery": {"allocation": "uniform_all"},
    "random": {"allocation": "erk"},
    "random_uniform": {"allocation": "uniform_all"},
}
CONVOLUTIONS = {"conv": 60_000, "linear": 640}
LINEAR_ONLY = {"linear": 50_000}


@pytest.mark.parametrize(
    ("networks", "expected"),
    [
        ([CONVOLUTIONS], PAPER),
        ([LINEAR_ONLY], OTHER),
        ([CONVOLUTIONS, LINEAR_ONLY], OTHER),  # one rule for the whole study, or rows would not compare
        ([{"conv": 9_000, "linear": 2_000}], PAPER | {"lottery": OTHER["lottery"]}),
        ([], PAPER),
    ],
)
def test_controls_keep_their_allocation_where_every_network_has_a_budget(
    networks: list[dict[str, int]], expected: dict
) -> None:
    assert control_rows(networks, (0.9,)) == expected


@pytest.mark.parametrize("prune_ratio", [0.05, 0.3, 0.6, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("linear", [0, 1, 10, 30, 100])
@pytest.mark.parametrize("name", ["lottery", "random", "random_uniform"])
def test_a_budget_is_left_exactly_where_the_allocation_works(
    name: str, linear: int, prune_ratio: float
) -> None:
    layers = [Layer("first", "conv", (4, 2, 3, 3)), Layer("second", "conv", (8, 4, 3, 3))]
    layers += [Layer("last", "linear", (linear, 10))] if linear else []
    structure = Structure(tuple(layers))
    ticket = Ticket(**TICKETS[name])
    kinds = {"conv": 4 * 2 * 9 + 8 * 4 * 9, "linear": 10 * linear}
    scores = {layer.name: np.arange(layer.size, dtype=float).reshape(layer.shape) for layer in layers}
    try:
        load_function(ALLOCATIONS[ticket.allocation].function)(
            scores, structure, kept_total(structure.size, prune_ratio)
        )
        works = True
    except ConfigError:
        works = False
    except ScoreError:  # more to keep than convolutions have
        works = False
    assert leaves_budget(ticket, kinds, prune_ratio) == works


def test_a_method_on_the_small_transformer_is_judged_beside_controls_that_can_run(small: dict) -> None:
    base = Study.model_validate(small | {"networks": ["vit_small"], "tickets": ["snip"]})
    kinds = known_kinds(base)
    assert kinds is not None
    assert kinds[0]["linear"] > 50 * kinds[0]["conv"]
    values = derived_study(base, Method("snip", "mine"), prune_ratios=(0.9,))
    expected = OTHER | {"random_uniform": OTHER["random_uniform"] | {"checks": []}}
    assert {name: values["tickets"][name] for name in OTHER} == expected
    refuse_impossible(Study.model_validate(values))


def test_the_weights_that_a_trial_counts_decide_where_a_network_is_not_built_in(small: dict) -> None:
    own = {"mine": {"architecture": "net.py:mlp"}}
    base = Study.model_validate(small | {"networks": own, "tickets": ["snip"]})
    assert known_kinds(base) is None
    for kinds, expected in (((), PAPER), ((LINEAR_ONLY,), OTHER)):
        tickets = derived_study(base, Method("snip", "mine"), prune_ratios=(0.9,), kinds=kinds)["tickets"]
        assert {name: tickets[name].get("allocation") for name in OTHER} == {
            name: row.get("allocation") for name, row in expected.items()
        }
