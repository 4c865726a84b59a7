"""Overlap of masks: which pairs are compared, and against which chance."""

import tracemalloc

import numpy as np
import pytest
from simulated_results import make_study

from prunepipe.errors import ArtifactError
from prunepipe.pruning.masks import overlap
from prunepipe.pruning.tickets import read_mask, write_mask
from prunepipe.results.layout import mask_path, mask_paths
from prunepipe.results.mask_overlap import COLUMNS, mask_overlaps

SHAPES = {"features.0.weight": (8, 4, 3, 3), "classifier.weight": (5, 8)}


def draw_mask(key, density=0.3, shapes=SHAPES):
    generator = np.random.default_rng(key)
    return {name: generator.random(shape) < density for name, shape in shapes.items()}


@pytest.fixture
def study():
    return make_study(tickets=("lottery", "learning_rate_rewinding"), prune_ratios=[0.7])


@pytest.fixture
def tree(study, tmp_path):
    for place, path in enumerate(mask_paths(study)):
        write_mask(tmp_path / path, draw_mask(place))
    return tmp_path


def place_of(study, ticket, source, seed):
    return mask_path(study, "cifar10", "vgg19", ticket, 0.7, source, seed)


def test_clean_masks_meet_other_data_of_their_seed_and_clean_masks_of_other_seeds(study, tree):
    pairs = mask_overlaps(study, tree)
    assert tuple(pairs.columns) == COLUMNS
    lottery = pairs[pairs["ticket"] == "lottery"]
    found = set(
        lottery[["kind", "source", "seed", "other_source", "other_seed"]].itertuples(index=False, name=None)
    )
    data = {("data", "clean", seed, "corrupted_data", seed) for seed in (0, 1, 2)}
    seeds = {("seeds", "clean", a, "clean", b) for a, b in ((0, 1), (0, 2), (1, 2))}
    assert found == data | seeds
    assert len(lottery) == 6
    rewinding = pairs[(pairs["ticket"] == "learning_rate_rewinding") & (pairs["kind"] == "data")]
    assert set(rewinding["other_source"]) == {"half_dataset"}


def test_every_pair_has_the_overlap_of_its_two_masks(study, tree):
    for pair in mask_overlaps(study, tree).itertuples():
        first = read_mask(tree / place_of(study, pair.ticket, pair.source, pair.seed))[0]
        second = read_mask(tree / place_of(study, pair.ticket, pair.other_source, pair.other_seed))[0]
        whole = overlap(first, second)[1]
        assert (pair.jaccard, pair.expected_by_chance, pair.cause) == (whole.jaccard, whole.expected, "")


def test_equal_masks_overlap_fully_and_independent_ones_as_by_chance(study, tmp_path):
    shapes = {"features.0.weight": (64, 64, 3, 3)}
    for place, path in enumerate(mask_paths(study)):
        write_mask(tmp_path / path, draw_mask(0 if "lottery" in path else place, shapes=shapes))
    pairs = mask_overlaps(study, tmp_path)
    assert pairs.loc[pairs["ticket"] == "lottery", "jaccard"].eq(1).all()
    others = pairs[pairs["ticket"] != "lottery"]
    assert np.allclose(others["jaccard"], others["expected_by_chance"], atol=0.01)
    assert np.allclose(others["expected_by_chance"], 0.3 / 1.7, atol=0.01)


def test_a_missing_mask_is_a_gap_with_its_cause(study, tree):
    lost = place_of(study, "lottery", "clean", 1)
    (tree / lost).unlink()
    pairs = mask_overlaps(study, tree)
    gaps = pairs[pairs["jaccard"].isna()]
    assert len(gaps) == 3
    assert gaps["cause"].str.contains(lost, regex=False).all()
    assert len(pairs) == 12


def test_a_truncated_mask_is_an_error_that_names_it(study, tree):
    path = tree / place_of(study, "lottery", "clean", 1)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ArtifactError, match=r"masks/lottery/clean/p0\.7/seed1/mask\.safetensors"):
        mask_overlaps(study, tree)


def test_one_seed_has_no_pairs_of_seeds(tmp_path):
    study = make_study(tickets=("lottery",), seeds=[4], prune_ratios=[0.7])
    for path in mask_paths(study):
        write_mask(tmp_path / path, draw_mask(0))
    assert list(mask_overlaps(study, tmp_path)["kind"]) == ["data"]


def test_memory_does_not_grow_with_the_number_of_seeds(tmp_path):
    size = 200_000
    peaks = []
    for seeds in (2, 8):
        study = make_study(
            f"study{seeds}", tickets=("lottery",), seeds=list(range(seeds)), prune_ratios=[0.7]
        )
        for path in mask_paths(study):
            write_mask(tmp_path / path, draw_mask(0, shapes={"layer.weight": (size, 1)}))
        tracemalloc.start()
        mask_overlaps(study, tmp_path)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + size  # not one mask more
