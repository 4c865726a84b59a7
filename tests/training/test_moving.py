"""A mask that moves during training: exact counts, fresh starts of grown weights, dense gradients only when needed."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_training import RECIPE, image_set, network, random_mask
from torch import Tensor
from torch.nn import functional as F

from prunepipe.errors import TrainingError
from prunepipe.plugins import load_function
from prunepipe.pruning.updaters import UPDATERS
from prunepipe.pruning.updaters.densities import DENSITIES
from prunepipe.pruning.updaters.enforcing import Updater
from prunepipe.training.checkpoint import Checkpoint, StopRequestedError, TrainState
from prunepipe.training.loop import TrainingPlan, train
from prunepipe.training.moving import MovingMask
from prunepipe.training.step import TrainingStep

IDENTITY = {"settings": 1}
UPDATES = [3, 6, 9, 12]  # of 14 steps: 2 epochs of 7


def in_proportion(sizes: dict[str, int], scores: object, mask: object, total: int) -> dict[str, int]:
    """Every layer keeps its share of the total; the last one makes up for rounding."""
    counts = {name: total * size // sum(sizes.values()) for name, size in sizes.items()}
    last = list(sizes)[-1]
    return {**counts, last: counts[last] + total - sum(counts.values())}


def moving(name: str, mask: dict[str, np.ndarray], kept: int | None = None) -> MovingMask:
    row = UPDATERS[name]
    sizes = {layer: values.size for layer, values in mask.items()}
    size = sum(sizes.values())
    wanted = kept or sum(int(values.sum()) for values in mask.values())
    return MovingMask(
        Updater(load_function(row.function), f"updater {name}", gradients=row.gradients),
        every=3,
        steps=13,
        kept_at=partial(DENSITIES[row.densities], size, wanted),
        allocate=partial(in_proportion, sizes),
        seed=0,
    )


def run(
    name: str, checkpoint: Checkpoint | None = None, optimizer: str = "sgd", **changes: Any
) -> tuple[TrainState, dict[str, np.ndarray]]:
    model = network()
    mask = random_mask(model)
    if UPDATERS[name].densities != "constant":
        mask = {layer: np.ones_like(values) for layer, values in mask.items()}
        changes = {"kept": 2000, **changes}
    recipe = replace_recipe(optimizer)
    plan = TrainingPlan(recipe, 0, "search", moving=moving(name, mask, **changes))
    end = train(model, image_set(), image_set(20, 0), plan, mask=mask, checkpoint=checkpoint)
    return end, mask


def replace_recipe(optimizer: str) -> Any:
    values = RECIPE.model_dump()
    if optimizer == "sgd":
        return RECIPE
    return type(RECIPE).model_validate(
        {**values, "optimizer": optimizer, "momentum": None, "nesterov": None, "weight_decay": None}
    )


@pytest.fixture
def moves(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What every move of the mask found and left: masks, weights and momentum."""
    seen: list[dict[str, Any]] = []
    move = TrainingStep.move_mask

    def watched(step: TrainingStep, kept: dict[str, Tensor]) -> None:
        before = step.kept()
        values = {name: weight.clone() for name, weight in step.masked_weights().items()}
        move(step, kept)
        after = {name: weight.clone() for name, weight in step.masked_weights().items()}
        state = {key: value.clone() for key, value in step.optimizer.state.items()}
        seen.append({"before": before, "kept": step.kept(), "was": values, "is": after, "state": state})

    monkeypatch.setattr(TrainingStep, "move_mask", watched)
    return seen


@pytest.mark.parametrize("name", ["set", "rigl"])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_what_is_grown_starts_at_zero_with_zero_momentum_and_the_rest_stays(
    name: str, optimizer: str, moves: list[dict[str, Any]]
) -> None:
    run(name, optimizer=optimizer)
    assert len(moves) == len(UPDATES)
    for move in moves:
        assert any((kept & ~move["before"][layer]).any() for layer, kept in move["kept"].items())
        for layer, kept in move["kept"].items():
            grown = kept & ~move["before"][layer]
            stays = kept & move["before"][layer]
            assert not move["is"][layer][grown].any()
            assert torch.equal(move["is"][layer][stays], move["was"][layer][stays])
            groups = [key for key in move["state"] if key.endswith("/" + layer)]
            assert groups
            for key in groups:
                assert not move["state"][key][grown].any()
                assert move["state"][key][stays].any()


@pytest.mark.parametrize("name", ["set", "rigl"])
def test_every_layer_keeps_its_count_at_every_update(name: str, moves: list[dict[str, Any]]) -> None:
    end, mask = run(name)
    for move in moves:
        for layer, values in mask.items():
            assert int(move["kept"][layer].sum()) == int(values.sum())
    assert {layer: values.sum() for layer, values in end.mask.items()} == {
        layer: values.sum() for layer, values in mask.items()
    }
    assert any((end.mask[layer] != values).any() for layer, values in mask.items())


def test_gmp_meets_the_cubic_schedule_exactly_and_nothing_returns(moves: list[dict[str, Any]]) -> None:
    end, mask = run("gmp")
    size = sum(values.size for values in mask.values())
    counts = [sum(int(layer.sum()) for layer in move["kept"].values()) for move in moves]
    assert counts == [DENSITIES["cubic"](size, 2000, Fraction(step, 12)) for step in UPDATES]
    assert counts[-1] == 2000 == sum(values.sum() for values in end.mask.values())
    for move in moves:
        for layer, kept in move["kept"].items():
            assert not (kept & ~move["before"][layer]).any()
    assert [row["density"] for row in end.history] == [counts[1] / size, counts[-1] / size]


@pytest.mark.parametrize(("name", "dense"), [("set", 0), ("gmp", 0), ("rigl", 4)])
def test_dense_gradients_are_taken_at_the_steps_that_need_them(
    name: str, dense: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = {"gradients": 0, "__call__": 0}

    def count(method: str) -> None:
        usual: Callable[..., Any] = getattr(TrainingStep, method)

        def counted(step: TrainingStep, *arguments: Any) -> Any:
            counts[method] += 1
            return usual(step, *arguments)

        monkeypatch.setattr(TrainingStep, method, counted)

    for method in counts:
        count(method)
    run(name)
    assert counts == {"gradients": dense, "__call__": 14 - dense}


def test_gradients_are_those_of_the_loss_for_kept_and_pruned_weights_alike() -> None:
    model = network()
    mask = random_mask(model)
    step = TrainingStep(model, RECIPE, mask, "float32")
    images, labels = image_set().plain(0, 16)
    found = step.gradients(images, labels)
    F.cross_entropy(model(images), labels).backward()
    for name, weight in model.named_parameters():
        if name in mask:
            assert weight.grad is not None
            assert torch.equal(found[name], weight.grad)
            assert found[name][~torch.from_numpy(mask[name])].any()


@pytest.mark.parametrize("name", ["gmp", "set", "rigl"])
@pytest.mark.parametrize("stopped_after", [2, 3, 6, 7, 8, 13])
def test_a_stopped_run_goes_on_to_the_same_bytes(
    name: str, stopped_after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, taken = tmp_path / "checkpoint.safetensors", 0
    backward = TrainingStep._backward

    def counted(step: TrainingStep, *arguments: Any) -> Any:
        nonlocal taken
        taken += 1
        if taken == stopped_after:
            os.kill(os.getpid(), signal.SIGTERM)
        return backward(step, *arguments)

    monkeypatch.setattr(TrainingStep, "_backward", counted)
    with pytest.raises(StopRequestedError):
        run(name, Checkpoint(path, IDENTITY, 1e9))
    resumed, _ = run(name, Checkpoint(path, IDENTITY, 1e9))
    assert taken == 14
    whole, _ = run(name)
    assert resumed.history == whole.history
    for group in ("weights", "optimizer", "mask"):
        one, other = getattr(resumed, group), getattr(whole, group)
        assert one.keys() == other.keys()
        for key, value in one.items():
            assert value.tobytes() == other[key].tobytes(), f"{group}/{key}"


def test_the_mask_holds_after_it_stopped_to_move() -> None:
    end, _ = run("rigl")
    for layer, kept in end.mask.items():
        assert not end.weights[layer][~kept].any()


def test_a_mask_that_would_never_move_is_refused() -> None:
    usual = moving("set", random_mask(network()))
    with pytest.raises(TrainingError, match="updates come every 14 steps, but only until step 13"):
        replace(usual, every=14)


def test_a_diverged_run_is_not_read_for_a_mask() -> None:
    model = network()
    mask = random_mask(model)
    recipe = RECIPE.model_copy(update={"learning_rate": 1e20})
    plan = TrainingPlan(recipe, 0, "search", moving=moving("rigl", mask))
    with pytest.raises(TrainingError, match="diverged"):
        train(model, image_set(), image_set(20, 0), plan, mask=mask)
