"""Smart ratio and its ablations against their formula, by hand and in fractions."""

from fractions import Fraction
from math import floor

import pytest
from small_networks import make_structure
from structure_strategies import FUNCTIONS, SMALL

from prunepipe.errors import ConfigError

BY_DEPTH = ("smart", "linear", "ascending", "cubic", "uniform")


def test_smart_ratio_by_hand_on_a_residual_network() -> None:
    # q = 20, 12, 6; budget 60 - 6; shares 4.15, 24.92, 24.92: two weights more for the largest fractions
    kept = FUNCTIONS["smart"]({}, make_structure(*SMALL, residual=True), 60)
    assert list(kept.values()) == [4, 25, 25, 6]


def test_smart_ratio_spills_what_a_layer_cannot_hold_into_the_next() -> None:
    # q / l^2 = 20, 3, 2/3; shares 17.05, 25.58, 11.37; the first holds 10, so 7.05 go to the second
    kept = FUNCTIONS["smart"]({}, make_structure(*SMALL), 60)
    assert list(kept.values()) == [10, 33, 11, 6]


def test_surplus_of_the_last_convolution_goes_back_to_earlier_ones() -> None:
    layers = (("conv", (100,)), ("conv", (100,)), ("conv", (10,)))
    kept = FUNCTIONS["ascending"]({}, make_structure(*layers, residual=True), 150)
    # q = 2, 6, 12; c = 150 / 920; shares 32.6, 97.8, 19.6 cut to 10: 9.6 back, 2.2 to the second, rest first
    assert list(kept.values()) == [40, 100, 10]


@pytest.mark.parametrize("name", BY_DEPTH)
@pytest.mark.parametrize("residual", [True, False])
def test_allocations_by_depth_follow_their_formula(name: str, residual: bool) -> None:
    widths = [(8, 4, 3, 3), (16, 8, 3, 3), (16, 16, 3, 3), (16, 8, 1, 1), (32, 16, 3, 3)]
    structure = make_structure(
        *[("conv", shape) for shape in widths], ("linear", (10, 32)), residual=residual
    )
    total = 200  # low enough that no layer is full
    count = len(structure.layers)
    q = {
        "smart": lambda depth: (count - depth + 1) ** 2 + (count - depth + 1),
        "linear": lambda depth: count - depth + 1,
        "ascending": lambda depth: depth**2 + depth,
        "cubic": lambda depth: (count - depth + 1) ** 3,
        "uniform": lambda depth: 1,
    }[name]
    divides = not residual and name != "uniform"
    wanted = {
        layer.name: Fraction(q(depth), depth**2 if divides else 1) * layer.size
        for depth, layer in enumerate(structure.layers, 1)
        if layer.kind == "conv"
    }
    scale = (total - floor(Fraction(3, 10) * 320)) / sum(wanted.values())
    kept = FUNCTIONS[name]({}, structure, total)
    assert kept["layer5"] == 96
    assert all(scale * share <= structure.layers[i].size for i, share in enumerate(wanted.values()))
    assert all(abs(kept[layer] - scale * share) < 1 for layer, share in wanted.items())


def test_the_divisor_is_a_switch_whose_default_follows_the_kind_of_network() -> None:
    plain, residual = make_structure(*SMALL), make_structure(*SMALL, residual=True)
    smart = FUNCTIONS["smart"]
    assert smart({}, plain, 60, divide_by_square=False) == smart({}, residual, 60)
    assert smart({}, residual, 60, divide_by_square=True) == smart({}, plain, 60)
    assert smart({}, plain, 60) != smart({}, residual, 60)


def test_linear_keep_is_read_as_a_decimal() -> None:
    structure = make_structure(("conv", (300,)), ("linear", (100,)))
    assert int(0.29 * 100) == 28
    assert FUNCTIONS["smart"]({}, structure, 60, linear_keep=0.29) == {"layer0": 31, "layer1": 29}


@pytest.mark.parametrize("name", BY_DEPTH)
def test_a_budget_that_the_linear_layers_use_up_is_refused(name: str) -> None:
    with pytest.raises(
        ConfigError,
        match=rf"'{name}': of 6 weights to keep, the Linear layers keep 6 \(linear_keep 0.3\).*leaves 0",
    ):
        FUNCTIONS[name]({}, make_structure(*SMALL), 6)


@pytest.mark.parametrize("name", BY_DEPTH)
def test_a_budget_that_the_convolutions_cannot_hold_is_refused(name: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"'{name}'.* leaves 314 .* have only 310; raise the prune ratio or linear_keep"
    ):
        FUNCTIONS[name]({}, make_structure(*SMALL), 320)


def test_linear_keep_outside_its_range_is_refused() -> None:
    with pytest.raises(ConfigError, match="linear_keep: got 30; it should be less than or equal to 1"):
        FUNCTIONS["smart"]({}, make_structure(*SMALL), 60, linear_keep=30)
