"""Our allocations and masks against those that the paper's reference implementation computed."""

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from small_networks import make_structure
from torch import nn
from torch.nn.functional import cross_entropy

from prunepipe.artifacts import Arrays
from prunepipe.networks.resnet import resnet8
from prunepipe.networks.structure import Structure
from prunepipe.networks.tracing import trace
from prunepipe.plugins import load_function
from prunepipe.pruning.allocations import ALLOCATIONS
from prunepipe.pruning.masks import kept_total, select
from prunepipe.pruning.rounds import score_network
from prunepipe.pruning.scores import SCORES
from prunepipe.pruning.scores.contract import Batch
from prunepipe.pruning.scores.enforcing import Scorer

DATA = Path(__file__).parents[1] / "data"
RATIOS = (0.9, 0.95, 0.98)


def golden_allocations() -> dict[tuple[str, ...], list[dict[str, str]]]:
    groups = defaultdict(list)
    with (DATA / "allocations.csv").open() as file:
        for row in csv.DictReader(file):
            groups[row["network"], row["classes"], row["prune_ratio"], row["allocation"]].append(row)
    return groups


ALLOCATION_ROWS = golden_allocations()


def test_the_golden_allocations_are_all_there() -> None:
    assert len(ALLOCATION_ROWS) == 2 * 3 * 3 * 5
    assert {len(rows) for key, rows in ALLOCATION_ROWS.items() if key[0] == "vgg19"} == {17}
    assert {len(rows) for key, rows in ALLOCATION_ROWS.items() if key[0] == "resnet32"} == {34}


@pytest.mark.parametrize("key", ALLOCATION_ROWS, ids="-".join)
def test_allocations_by_depth_are_those_of_the_reference(key: tuple[str, ...]) -> None:
    network, _, prune_ratio, allocation = key
    rows = ALLOCATION_ROWS[key]
    kinds = {"Conv2d": "conv", "Linear": "linear"}
    layers = [(kinds[row["type"]], (int(row["size"]),)) for row in rows]
    structure = make_structure(*layers, residual=network == "resnet32")
    total = kept_total(structure.size, float(prune_ratio))
    kept = load_function(ALLOCATIONS[allocation].function)({}, structure, total)
    theirs = np.array([int(row["kept"]) for row in rows])
    # The reference computes in float32 and rounds every layer down, so it may miss the total by one a layer.
    assert np.abs(np.array(list(kept.values())) - theirs).max() <= 4
    assert sum(kept.values()) == total
    assert 0 <= total - theirs.sum() <= len(rows)


@pytest.fixture(scope="module")
def structure() -> Structure:
    return trace(resnet8(channels=3, classes=10, image_size=32), (3, 32, 32))


def golden_network(state: str) -> tuple[nn.Module, Batch]:
    inputs = load_file(DATA / "resnet8-10.inputs.safetensors")
    network = resnet8(channels=3, classes=10, image_size=32)
    weights = {
        n.removeprefix(f"{state}."): torch.from_numpy(w) for n, w in inputs.items() if n.startswith(state)
    }
    network.load_state_dict(weights)
    return network, (torch.from_numpy(inputs["batch.images"]), torch.from_numpy(inputs["batch.labels"]))


def scores_of(state: str, score: str, **options: str) -> Arrays:
    network, batch = golden_network(state)
    scorer = Scorer(load_function(SCORES[score].function), score, options)
    return score_network(network, scorer, [batch], cross_entropy, generator=torch.Generator())


@pytest.fixture(scope="module")
def golden_scores() -> dict[str, Arrays]:
    return {
        # The reference computes in float32, and its BatchNorm's rounding decides on weights near the threshold.
        "snip": scores_of("init", "snip", dtype="float32"),
        "grasp": scores_of("init", "grasp", dtype="float32"),
        "lottery": scores_of("trained", "magnitude"),
        "hybrid": scores_of("trained", "magnitude"),
    }


@pytest.fixture(scope="module")
def golden_masks() -> Arrays:
    return load_file(DATA / "resnet8-10.masks.safetensors")


def compare(
    ours: Arrays, method: str, prune_ratio: float, golden_masks: Arrays
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return, by layer, what only we keep and what only the reference keeps; and how many it keeps."""
    theirs = {name: golden_masks[f"{method}.{prune_ratio}.{name}"].astype(bool) for name in ours}
    only_ours = np.array([(ours[name] & ~theirs[name]).sum() for name in ours])
    only_theirs = np.array([(theirs[name] & ~ours[name]).sum() for name in ours])
    return only_ours, only_theirs, sum(int(mask.sum()) for mask in theirs.values())


def our_mask(scores: Arrays, allocation: str, structure: Structure, prune_ratio: float) -> Arrays:
    total = kept_total(structure.size, prune_ratio)
    return select(scores, load_function(ALLOCATIONS[allocation].function)(scores, structure, total))


@pytest.mark.parametrize("prune_ratio", RATIOS)
def test_snip_mask(
    prune_ratio: float, golden_scores: dict[str, Arrays], golden_masks: Arrays, structure: Structure
) -> None:
    mask = our_mask(golden_scores["snip"], "global", structure, prune_ratio)
    only_ours, only_theirs, theirs = compare(mask, "snip", prune_ratio, golden_masks)
    assert theirs == int(structure.size * (1 - prune_ratio)) == kept_total(structure.size, prune_ratio)
    assert only_ours.sum() == only_theirs.sum() <= 1  # one pair at the threshold, equal up to rounding


@pytest.mark.parametrize("prune_ratio", RATIOS)
def test_grasp_mask(
    prune_ratio: float, golden_scores: dict[str, Arrays], golden_masks: Arrays, structure: Structure
) -> None:
    mask = our_mask(golden_scores["grasp"], "global", structure, prune_ratio)
    only_ours, only_theirs, theirs = compare(mask, "grasp", prune_ratio, golden_masks)
    # The reference removes int(N p) by threshold and keeps the threshold weight too: one rounded up, one extra.
    assert theirs == structure.size - int(structure.size * prune_ratio) + 1
    assert theirs == kept_total(structure.size, prune_ratio) + 2
    assert only_ours.sum() <= 1
    assert only_theirs.sum() == only_ours.sum() + 2


@pytest.mark.parametrize("prune_ratio", RATIOS)
def test_lottery_mask(
    prune_ratio: float, golden_scores: dict[str, Arrays], golden_masks: Arrays, structure: Structure
) -> None:
    mask = our_mask(golden_scores["lottery"], "global_conv", structure, prune_ratio)
    only_ours, only_theirs, _ = compare(mask, "lottery", prune_ratio, golden_masks)
    assert mask["fc.weight"].all()
    assert only_ours.sum() <= 1  # the reference may keep one fewer, and nothing that we do not
    assert only_theirs.sum() == 0


@pytest.mark.parametrize("prune_ratio", RATIOS)
def test_hybrid_mask(
    prune_ratio: float, golden_scores: dict[str, Arrays], golden_masks: Arrays, structure: Structure
) -> None:
    mask = our_mask(golden_scores["hybrid"], "smart", structure, prune_ratio)
    only_ours, only_theirs, theirs = compare(mask, "hybrid", prune_ratio, golden_masks)
    # The reference rounds every layer down; we give what is missing to the largest fractions.
    assert only_ours.max() <= 1
    assert only_theirs.sum() == 0
    assert theirs + only_ours.sum() == kept_total(structure.size, prune_ratio)


def test_the_golden_masks_tell_methods_apart(
    golden_scores: dict[str, Arrays], golden_masks: Arrays, structure: Structure
) -> None:
    for score, method in [("snip", "grasp"), ("grasp", "snip"), ("hybrid", "lottery")]:
        mask = our_mask(golden_scores[score], "global", structure, 0.9)
        assert compare(mask, method, 0.9, golden_masks)[0].sum() > 500
