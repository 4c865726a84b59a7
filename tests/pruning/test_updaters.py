"""Mask updaters: each rule against a loop written by hand in float64, exact counts, and what is refused."""

from collections.abc import Mapping
from fractions import Fraction
from math import cos, floor, pi
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from prunepipe.errors import ScoreError
from prunepipe.pruning.updaters import UPDATERS
from prunepipe.pruning.updaters.choosing import SAMPLED_EVERY, at_random, largest, largest_by_topk
from prunepipe.pruning.updaters.densities import DENSITIES, update_steps
from prunepipe.pruning.updaters.enforcing import Updater
from prunepipe.pruning.updaters.gmp import gmp
from prunepipe.pruning.updaters.rigl import rigl
from prunepipe.pruning.updaters.sparse_evolution import sparse_evolution

SHAPES = {"conv": (4, 3, 3, 3), "fc": (5, 16)}
SIZE = sum(int(np.prod(shape)) for shape in SHAPES.values())


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def layers(seed: int, layout: torch.memory_format = torch.contiguous_format) -> dict[str, Tensor]:
    found = {name: torch.randn(shape, generator=generator(seed)) for name, shape in SHAPES.items()}
    return {
        name: layer.contiguous(memory_format=layout) if layer.ndim == 4 else layer
        for name, layer in found.items()
    }


def masks(density: float = 0.4) -> dict[str, Tensor]:
    return {name: torch.rand(shape, generator=generator(9)) < density for name, shape in SHAPES.items()}


def masked(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: weight * mask[name] for name, weight in weights.items()}


def by_share(scores: Any, mask: Any, total: int) -> dict[str, int]:
    """An allocation: the last layer keeps a third of what there is."""
    return {"conv": total - total // 3, "fc": total // 3}


def updater(function: Any, **changes: Any) -> Updater:
    return Updater(function, "updater mine.py:update", **{"external": True, **changes})


def call(of: Updater, kept: int, gradients: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
    mask = masks()
    told = {"step": 100, "steps": 300, "generator": generator(), "allocate": by_share}
    return of(masked(layers(0), mask), gradients or layers(1), mask, kept=kept, **told)


def flat(layer: Tensor) -> list[Any]:
    return layer.contiguous().flatten().tolist()


def order(scores: list[float], candidates: list[int]) -> list[int]:
    """Candidates from the largest score to the lowest, ties by their place."""
    return sorted(candidates, key=lambda place: (-scores[place], place))


# The loops


def gmp_by_hand(weight: Tensor, mask: Tensor, count: int) -> set[int]:
    sizes = [abs(float(value)) for value in flat(weight.double())]
    left = [place for place, kept in enumerate(flat(mask)) if kept]
    return set(order(sizes, left)[:count])


def rigl_by_hand(
    weight: Tensor, gradient: Tensor, mask: Tensor, step: int, steps: int, share: float
) -> set[int]:
    sizes, slopes = ([abs(value) for value in flat(layer.double())] for layer in (weight, gradient))
    kept = [place for place, there in enumerate(flat(mask)) if there]
    exchanged = floor(share / 2 * (1 + cos(pi * step / steps)) * len(kept))
    stay = set(order(sizes, kept)[: len(kept) - exchanged])
    others = [place for place in range(len(sizes)) if place not in stay]
    return stay | set(order(slopes, others)[:exchanged])


def set_by_hand(weight: Tensor, mask: Tensor, share: Fraction) -> tuple[set[int], int]:
    """Return what stays, and how many are grown."""
    values = flat(weight.double())
    kept = [place for place, there in enumerate(flat(mask)) if there]
    stay: set[int] = set()
    for sign in (True, False):
        own = [place for place in kept if (values[place] >= 0) == sign]
        sizes = [abs(value) for value in values]
        stay |= set(order(sizes, own)[: len(own) - floor(share * len(own))])
    return stay, len(kept) - len(stay)


def places(mask: Tensor) -> set[int]:
    return {place for place, kept in enumerate(flat(mask)) if kept}


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("total", [1, 30, 55])
def test_gmp_keeps_the_largest_of_what_is_left(total: int, layout: torch.memory_format) -> None:
    mask = masks()
    weights = masked(layers(0, layout), mask)
    found = gmp(weights, None, mask, density=total / SIZE, allocate=by_share)
    counts = by_share({}, {}, total)
    for name, layer in found.items():
        assert places(layer) == gmp_by_hand(weights[name], mask[name], counts[name])


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("step", "share"), [(1, 0.3), (100, 0.3), (299, 0.3), (300, 0.9), (10, 0.9)])
def test_rigl_drops_the_smallest_and_grows_the_steepest(
    step: int, share: float, layout: torch.memory_format
) -> None:
    mask = masks()
    weights, gradients = masked(layers(0, layout), mask), layers(1, layout)
    found = rigl(weights, gradients, mask, step=step, steps=300, share=share)
    for name, layer in found.items():
        assert places(layer) == rigl_by_hand(weights[name], gradients[name], mask[name], step, 300, share)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_set_drops_what_is_nearest_to_zero_of_each_sign(share: float) -> None:
    mask = masks()
    weights = masked(layers(0), mask)
    found = sparse_evolution(weights, None, mask, generator=generator(), share=share)
    for name, layer in found.items():
        stay, grown = set_by_hand(weights[name], mask[name], Fraction(str(share)))
        assert stay <= places(layer)
        assert len(places(layer) - stay) == grown


def test_set_grows_every_free_weight_alike() -> None:
    """20 of 100 weights are kept and 6 exchanged: each of the 86 free ones is grown with probability 6 / 86."""
    mask = {"w": torch.arange(100) < 20}
    weights = {"w": torch.where(mask["w"], torch.linspace(-1, 1, 100), torch.tensor(0.0))}
    draws = 2000
    grown = sum(
        sparse_evolution(weights, None, mask, generator=generator(seed))["w"].int() for seed in range(draws)
    )
    free = [int(count) for place, count in enumerate(flat(grown)) if count < draws]
    assert len(free) == 86
    expected = draws * 6 / 86
    assert max(abs(count - expected) for count in free) < 5 * expected**0.5


def test_rigl_on_a_network_by_hand() -> None:
    """Of the four kept weights the two smallest go: half of them, at the start; the steepest of the others come.

    w = (4, -3, 2, 1) at places 0 to 3, and 0 at 4 to 7. Gradients: the dropped place 2 has 9, place 6 has 8.
    """
    weight = torch.tensor([[4.0, -3.0, 2.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    gradient = torch.tensor([[50.0, 60.0, -9.0, 1.0], [2.0, -3.0, 8.0, 7.0]])
    mask = weight != 0
    found = rigl({"w": weight}, {"w": gradient}, {"w": mask}, step=0, steps=100, share=0.5)["w"]
    assert places(found) == {0, 1, 2, 6}


def test_a_full_layer_stays_full() -> None:
    full = {"w": torch.ones(4, 5, dtype=torch.bool)}
    weights = {"w": torch.randn(4, 5, generator=generator())}
    assert rigl(weights, weights, full, step=1, steps=9)["w"].all()
    assert sparse_evolution(weights, None, full, generator=generator())["w"].all()


# Densities


@pytest.mark.parametrize(("size", "kept", "updates"), [(1000, 50, 10), (1_855_584, 92_779, 300), (7, 3, 1)])
def test_the_cubic_density_follows_its_formula(size: int, kept: int, updates: int) -> None:
    counts = [DENSITIES["cubic"](size, kept, Fraction(update, updates)) for update in range(updates + 1)]
    final = kept / size
    for update, count in enumerate(counts):
        sparsity = (1 - final) + (0 - (1 - final)) * (1 - update / updates) ** 3  # eq. 1 of Zhu, Gupta
        assert count == pytest.approx(size * (1 - sparsity), abs=1.001)
    assert (counts[0], counts[-1]) == (size, kept)
    assert counts == sorted(counts, reverse=True)


def test_a_constant_density_is_the_wanted_one() -> None:
    assert {DENSITIES["constant"](100, 7, Fraction(update, 3)) for update in range(4)} == {7}


def test_until_is_read_as_a_decimal() -> None:
    assert update_steps(0.75, 400) == 300
    assert (
        update_steps(0.3, 10) == 3
    )  # 0.3 x 10 is 3.0000000000000004 or 2.9999999999999996 in other roundings
    assert update_steps(1.0, 7) == 7


# Choosing


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_ties_go_to_the_lowest_flat_index_however_a_layer_is_laid_out(layout: torch.memory_format) -> None:
    scores = torch.zeros(2, 3, 2, 2).contiguous(memory_format=layout)
    scores[1, 2, 1, 1] = 1.0
    among = torch.ones(2, 3, 2, 2, dtype=torch.bool)
    assert places(largest(scores, among, 5)) == {0, 1, 2, 3, 23}
    assert not largest(scores, among, 0).any()
    assert largest(scores, among, 24).all()
    among[0, 0, 0, 1] = False
    assert places(largest(scores, among, 5)) == {0, 2, 3, 4, 23}
    with pytest.raises(ScoreError, match="24 weights of a layer are to be chosen, but there are only 23"):
        largest(scores, among, 24)


@pytest.mark.parametrize("values", ["continuous", "few", "sorted", "periodic"])
@pytest.mark.parametrize("share", [0.0001, 0.01, 0.5, 0.97, 0.99999])
def test_large_layers_are_cut_where_a_full_sort_cuts_them(values: str, share: float) -> None:
    """Also where a sample says little: many ties, sorted values, values that repeat with the sample's period."""
    size = SAMPLED_EVERY * 251
    draws = np.random.default_rng(0)
    scores = {
        "continuous": draws.standard_normal(size),
        "few": draws.integers(0, 3, size).astype(np.float64),
        "sorted": np.arange(size, dtype=np.float64),
        "periodic": np.where(np.arange(size) % SAMPLED_EVERY == 0, 1.0, 0.0) + draws.random(size),
    }[values].astype(np.float32)
    count = max(1, int(share * size))
    chosen = largest(torch.from_numpy(scores), torch.ones(size, dtype=torch.bool), count).numpy()
    expected = np.argsort(-abs(scores), kind="stable")[:count]
    assert set(np.flatnonzero(chosen)) == set(expected)


@pytest.mark.parametrize("count", [0, 1, 30, 59, 60])
def test_random_choices_have_the_size_asked_for(count: int) -> None:
    candidates = torch.arange(100).reshape(10, 10) >= 40
    chosen = at_random(candidates, count, generator())
    assert int(chosen.sum()) == count
    assert not (chosen & ~candidates).any()
    assert torch.equal(chosen, at_random(candidates, count, generator()))


@pytest.mark.parametrize("count", [1, 5, 30, 59])
def test_the_layout_of_a_layer_does_not_change_what_is_drawn(count: int) -> None:
    candidates = (torch.arange(120) >= 40).reshape(2, 3, 4, 5)
    laid_out = candidates.contiguous(memory_format=torch.channels_last)
    assert torch.equal(at_random(candidates, count, generator()), at_random(laid_out, count, generator()))


@pytest.mark.parametrize("count", [1, 40, 700])
def test_what_a_gpu_chooses_by_is_what_the_cpu_chooses(count: int) -> None:
    values = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    among = torch.arange(1000) % 4 > 0
    assert torch.equal(largest_by_topk(values, among, count), largest(values, among, count))


# The contract


@pytest.mark.parametrize("name", UPDATERS)
def test_every_built_in_updater_keeps_the_contract(name: str) -> None:
    from prunepipe.plugins import load_function

    row, kept = UPDATERS[name], sum(int(layer.sum()) for layer in masks().values())
    wanted = kept if row.densities == "constant" else kept - 11
    built_in = updater(load_function(row.function), gradients=row.gradients)
    assert sum(int(layer.sum()) for layer in call(built_in, wanted).values()) == wanted


def test_what_rounding_gives_to_a_full_layer_is_passed_on() -> None:
    mask = {"a": torch.tensor([True, False]), "b": torch.ones(4, dtype=torch.bool)}
    weights = {"a": torch.tensor([3.0, 0.0]), "b": torch.tensor([4.0, 3.0, 2.0, 1.0])}
    found = gmp(
        weights, None, mask, density=4 / 6, allocate=lambda scores, mask, total: {"a": 2, "b": total - 2}
    )
    assert {name: int(layer.sum()) for name, layer in found.items()} == {"a": 1, "b": 3}
    with pytest.raises(ScoreError, match="keeps 4 weights of layer 'a', of which earlier updates left 1"):
        gmp(weights, None, mask, density=4 / 6, allocate=lambda scores, mask, total: {"a": 4, "b": 0})


def same(weights: Any, gradients: Any, mask: Any) -> Any:
    return mask


def one_less(weights: Any, gradients: Any, mask: Any) -> Any:
    mask["fc"].view(-1)[mask["fc"].flatten().nonzero()[0]] = False
    return mask


def numpy_mask(weights: Any, gradients: Any, mask: Any) -> Any:
    return {name: layer.numpy() for name, layer in mask.items()}


def other_shape(weights: Any, gradients: Any, mask: Any) -> Any:
    return {**mask, "fc": mask["fc"].T}


def half_of_them(weights: Any, gradients: Any, mask: Any) -> Any:
    return {"fc": mask["fc"]}


def one_too_many(weights: Any, gradients: Any, mask: Any) -> Any:
    return {**mask, "fc.bias": torch.ones(5, dtype=torch.bool)}


def a_list(weights: Any, gradients: Any, mask: Any) -> Any:
    return list(mask.values())


def scores(weights: Any, gradients: Any, mask: Any) -> Any:
    return {name: weight.abs() for name, weight in weights.items()}


def forever(weights: Any, gradients: Any, mask: Any) -> Any:
    while True:
        pass


def broken(weights: Any, gradients: Any, mask: Any) -> Any:
    raise KeyError("conv9")


def of_a_score(network: Any, batches: Any) -> Any:
    return {}


STATE = iter(range(1000))


def never_twice_alike(weights: Any, gradients: Any, mask: Any) -> Any:
    return {**mask, "fc": mask["fc"].roll(next(STATE), 0)}


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (one_less, r"its mask keeps \d+ weights, must keep exactly \d+: round\(density x N\)"),
        (numpy_mask, "the mask of 'conv' is ndarray, must be a bool tensor"),
        (other_shape, r"the mask of 'fc' has shape \(16, 5\), must be \(5, 16\) like the weight"),
        (half_of_them, "lacks 'conv'; it must return a mask of every layer"),
        (one_too_many, "a mask of 'fc.bias', which is not a prunable layer"),
        (a_list, "returned list, must return a dictionary of masks"),
        (scores, "the mask of 'conv' is torch.float32, must be a bool tensor"),
        (broken, "raised KeyError: 'conv9'"),
        (of_a_score, "which does not fit an updater"),
        (never_twice_alike, "does not repeat: called twice on the same input, its masks differ in 'fc'"),
    ],
)
def test_an_updater_that_breaks_its_contract_is_told_the_rule(function: Any, message: str) -> None:
    kept = sum(int(layer.sum()) for layer in masks().values())
    with pytest.raises(ScoreError, match=message) as error:
        call(updater(function), kept)
    assert str(error.value).startswith("updater mine.py:update: ")


def test_an_updater_that_never_ends_is_ended() -> None:
    with pytest.raises(ScoreError, match="updater mine.py:update: did not return within 0.2 s"):
        call(updater(forever, time_limit=0.2), 1)


def test_an_updater_that_writes_into_its_arguments_changes_nothing() -> None:
    mask = masks()
    weights, gradients = masked(layers(0), mask), layers(1)
    before = [layer.clone() for given in (weights, gradients, mask) for layer in given.values()]

    def careless(weights: Any, gradients: Any, mask: Any) -> Any:
        kept = {name: layer.clone() for name, layer in mask.items()}
        for given in (weights, gradients, mask):
            for layer in given.values():
                layer.fill_(1)
        return kept

    kept = sum(int(layer.sum()) for layer in mask.values())
    told = {"step": 1, "steps": 2, "kept": kept, "generator": generator(), "allocate": by_share}
    updater(careless)(weights, gradients, mask, **told)
    after = [layer for given in (weights, gradients, mask) for layer in given.values()]
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))


def test_an_updater_that_forgets_its_generator_draws_by_its_seed_alone() -> None:
    mask = masks()
    weights, kept = masked(layers(0), mask), sum(int(layer.sum()) for layer in mask.values())

    def forgetful(weights: Any, gradients: Any, mask: Any) -> Any:
        shift = np.random.randint(1, 9)
        return {
            name: layer.flatten()[torch.randperm(layer.numel())].roll(shift).view(layer.shape)
            for name, layer in mask.items()
        }

    def moved(seed: int) -> dict[str, Tensor]:
        told = {"step": 1, "steps": 2, "kept": kept, "generator": generator(seed), "allocate": by_share}
        return updater(forgetful)(weights, layers(1), mask, **told)

    first = moved(0)
    np.random.random(3)
    torch.rand(3)
    assert all(torch.equal(layer, moved(0)[name]) for name, layer in first.items())
    assert not all(torch.equal(layer, moved(1)[name]) for name, layer in first.items())


def test_an_updater_receives_the_keywords_that_it_names() -> None:
    seen: dict[str, Any] = {}

    def curious(weights: Any, gradients: Any, mask: Any, *, step: int, density: float, power: int) -> Any:
        seen.update(step=step, density=density, power=power)
        return mask

    kept = sum(int(layer.sum()) for layer in masks().values())
    call(updater(curious, options={"power": 3}), kept)
    assert seen == {"step": 100, "density": kept / SIZE, "power": 3}
    assert round(seen["density"] * SIZE) == kept
    call(updater(same), kept)
