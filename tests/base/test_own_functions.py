"""A user's own allocations, checks, data and networks: used, held to their contract, told what they broke."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from own_study import OWN, make_place, mask_of, own_study, scored

from prunepipe.datasets import prepare
from prunepipe.datasets.dataset import Dataset
from prunepipe.errors import PrunepipeError, ScoreError
from prunepipe.pruning.allocations import ALLOCATIONS
from prunepipe.pruning.masks import kept_total
from prunepipe.stages.checking import apply_check
from prunepipe.stages.execution import Execution
from prunepipe.stages.initialising import initialise
from prunepipe.stages.inputs import corrupted
from prunepipe.stages.masking import make_mask
from prunepipe.stages.schemas.checking import CheckSettings
from prunepipe.stages.schemas.initialising import InitialSettings
from prunepipe.stages.schemas.masking import MaskSettings
from prunepipe.stages.schemas.network import NetworkSettings
from prunepipe.stages.settings import dense_settings
from prunepipe.stages.training import train_dense


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return make_place(tmp_path_factory.mktemp("place"))


# Allocations and checks


def test_an_own_allocation_and_check_are_used(place) -> None:
    mask = mask_of(place, scored(place), OWN + "first_layers")
    total = kept_total(place["structure"].size, 0.5)
    assert [int(layer.sum()) for layer in mask.values()] == [total, 0]

    def apply(name: str) -> Any:
        settings = CheckSettings(check="mine", mask_check=OWN + name, seed=0)
        return apply_check(place["weights"], mask, {}, settings)[1]

    flipped = apply("flip_rows")
    assert all(np.array_equal(flipped[name], mask[name][::-1]) for name in mask)
    before = {name: layer.copy() for name, layer in mask.items()}
    changed = apply("in_place")
    assert all(np.array_equal(changed[name], flipped[name]) for name in mask)
    assert all(np.array_equal(mask[name], before[name]) for name in mask)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("one_too_many", r"keeps \d+ weights, must keep exactly \d+"),
        ("shares", "keeps 18.0 weights of '0.weight', must be a whole number"),
        ("total_only", "returned int, must return a dictionary"),
        ("flip_rows", "raised TypeError"),
    ],
)
def test_an_allocation_that_breaks_a_rule_is_told_which(place, name: str, message: str) -> None:
    with pytest.raises(ScoreError, match=f"allocation .*own_functions.py:{name}: {message}"):
        mask_of(place, scored(place), OWN + name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("counts_instead", "must be a numpy array"),
        ("forgets_a_layer", "lacks '0.weight'"),
        ("good", "raised TypeError"),
    ],
)
def test_a_mask_check_that_breaks_a_rule_is_told_which(place, name: str, message: str) -> None:
    mask = {name: layer > 0 for name, layer in place["weights"].items() if name.endswith("weight")}
    with pytest.raises(ScoreError, match=f"mask check .*own_functions.py:{name}: .*{message}"):
        apply_check(place["weights"], mask, {}, CheckSettings(check="mine", mask_check=OWN + name, seed=0))


def test_an_own_data_check_works_on_a_copy_and_returns_training_data(tmp_path: Path) -> None:
    dataset: Dataset = prepare(OWN + "squares", tmp_path)
    images, labels = corrupted(dataset, OWN + "black", 0)
    assert not images.any()
    assert dataset.train_images.any()
    assert np.array_equal(labels, dataset.train_labels)
    for name, message in {"only_images": "must return", "unknown_labels": "train_labels span 2 .. 3"}.items():
        with pytest.raises(ScoreError, match=f"data check .*{name}: .*{message}"):
            corrupted(dataset, OWN + name, 0)


# Networks


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bare", "has no weight of a convolution, a Linear layer or attention, so nothing can be pruned"),
        ("wrong_size", r"does not accept images of shape \[2, 1, 8, 8\]"),
        (
            "too_few_logits",
            r"forward returns \[2, 1\] for images \[2, 1, 8, 8\], must return logits \[2, 2\]",
        ),
        ("auxiliary", r"its forward returns tuple .*must return logits \[2, 2\].*; here in train mode"),
        ("explained", r"its forward returns tuple .*; here in eval mode"),
        ("overwriting", r"images \[2, 1, 8, 8\] raise RuntimeError: .* modified by an inplace operation"),
        ("tied", "'embedding.weight' and 'network.4.weight' are one shared weight"),
        ("of_two_images", r"its forward returns \[4, 1\] for images \[2, 1, 8, 8\], must return logits"),
        ("in_half_precision", "parameter '.*' is float16; build the network in float32"),
        ("in_double_precision", "parameter '.*' is float64; build the network in float32"),
        ("in_bfloat16", "parameter '.*' is bfloat16; build the network in float32"),
        ("with_softmax", r"returns probabilities \(each row sums to 1\).*return the logits"),
        ("listed", r"a trainable tensor of shape \[.*\] that is not among its parameters.*nn.ModuleList"),
        ("good", "which does not fit its options"),
        ("no_such", "has no function 'no_such'"),
    ],
)
def test_a_network_that_cannot_be_pruned_is_named_with_the_rule(place, name: str, message: str) -> None:
    settings = InitialSettings(network=NetworkSettings(reference=OWN + name), seed=0, draw="init")
    with pytest.raises(PrunepipeError, match=message) as error:
        initialise(place["data"], settings)
    assert f"own_functions.py:{name}" in str(error.value)


def test_a_network_may_be_one_layer(place) -> None:
    settings = InitialSettings(network=NetworkSettings(reference=OWN + "one_layer"), seed=0, draw="init")
    weights, structure = initialise(place["data"], settings)
    assert [layer.name for layer in structure.layers] == ["weight"]
    magnitude = {"weight": np.abs(weights["weight"])}
    mask = make_mask(
        magnitude, structure, MaskSettings(allocation=ALLOCATIONS["global"].function, prune_ratio=0.5)
    )
    assert mask["weight"].sum() == weights["weight"].size // 2


def test_a_wrapped_network_is_pruned_like_the_network_itself(place) -> None:
    def drawn(name: str) -> tuple[dict, list]:
        settings = InitialSettings(network=NetworkSettings(reference=OWN + name), seed=0, draw="init")
        weights, structure = initialise(place["data"], settings)
        return weights, [layer.name for layer in structure.layers]

    (plain, layers), (wrapped, named) = drawn("network"), drawn("in_parallel")
    assert named == [f"module.{name}" for name in layers]
    assert all(np.array_equal(wrapped[f"module.{name}"], weight) for name, weight in plain.items())


def test_dropout_draws_from_the_runs_own_stream(place) -> None:
    study = own_study()
    settings = dense_settings(study, "mine", "clean", 0, {"precision": "float32", "channels_last": False})
    network = NetworkSettings(reference=OWN + "dropping")
    settings = settings.model_copy(update={"network": network})
    weights, _ = initialise(place["data"], InitialSettings(network=network, seed=0, draw="init"))
    ends = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        before = torch.get_rng_state()
        ends.append(train_dense(place["data"], weights, settings, Execution()).weights)
        assert torch.equal(torch.get_rng_state(), before)
    assert all(np.array_equal(ends[0][name], ends[1][name]) for name in ends[0])
