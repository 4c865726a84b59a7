"""Optimizers and schedules: those of torch, step for step; masks, captures and checkpoints hold for each."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_cuda_graph import assert_equal, record_by_calling, trained
from test_training import AUGMENTED, image_set, network, random_mask
from torch import nn
from torch.nn import functional as F
from torch.optim import lr_scheduler

from prunepipe.networks.state import arrays_of
from prunepipe.study.recipe import OPTIMIZERS, SCHEDULES, Recipe
from prunepipe.training.checkpoint import Checkpoint, StopRequestedError, StopSignal
from prunepipe.training.cuda_graph import GraphedStep
from prunepipe.training.loop import TrainingPlan, train
from prunepipe.training.step import TrainingStep

RATE = 0.01
TORCHS = {
    "sgd": (torch.optim.SGD, {"momentum": 0.9, "weight_decay": 1e-4}),
    "adamw": (torch.optim.AdamW, {}),
    "adam": (torch.optim.Adam, {}),
}
"""torch's optimizers with the constants that a recipe has by default."""

VARIANTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    *(({"optimizer": name}, {}) for name in OPTIMIZERS),
    ({"optimizer": "sgd", "nesterov": True}, {"nesterov": True}),
    ({"optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.0}, {"momentum": 0, "weight_decay": 0}),
    (
        {"optimizer": "adamw", "betas": (0.8, 0.95), "epsilon": 1e-4, "weight_decay": 0.3},
        {"betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.3},
    ),
    ({"optimizer": "adam", "weight_decay": 0.02}, {"weight_decay": 0.02}),
]


def recipe(**keys: Any) -> Recipe:
    return Recipe(**{"epochs": 2, "learning_rate": RATE, "batch_size": 16, "augmentation": AUGMENTED, **keys})


def assert_same_weights(ours: nn.Module, theirs: nn.Module) -> None:
    for name, value in arrays_of(theirs).items():
        np.testing.assert_array_equal(arrays_of(ours)[name], value, err_msg=name)


@pytest.mark.parametrize("foreach", [True, False])
@pytest.mark.parametrize(("keys", "theirs"), VARIANTS)
def test_sixty_steps_equal_those_of_torch_bit_for_bit(
    keys: dict[str, Any], theirs: dict[str, Any], foreach: bool
) -> None:
    ours, plain = network(), network()
    step = TrainingStep(ours, recipe(**keys), None, "float32")
    make, constants = TORCHS[keys["optimizer"]]
    optimizer = make(plain.parameters(), lr=RATE, foreach=foreach, **(constants | theirs))
    data = image_set()
    for number in range(60):
        rate = RATE / (1 + number % 7)
        optimizer.param_groups[0]["lr"] = rate
        images, labels = data.plain(number % 6 * 16, number % 6 * 16 + 16)
        step(images, labels, rate)
        optimizer.zero_grad()
        F.cross_entropy(plain(images), labels).backward()
        optimizer.step()
    assert_same_weights(ours, plain)


@pytest.mark.parametrize("longest", [0.1, 1e6])
def test_smoothed_labels_and_clipped_gradients_are_those_of_torch(longest: float) -> None:
    ours, plain = network(), network()
    chosen = recipe(optimizer="adamw", label_smoothing=0.1, clip_gradient_norm=longest)
    step = TrainingStep(ours, chosen, None, "float32")
    optimizer = torch.optim.AdamW(plain.parameters(), lr=RATE)
    data = image_set()
    for number in range(12):
        images, labels = data.plain(number % 6 * 16, number % 6 * 16 + 16)
        step(images, labels, RATE)
        optimizer.zero_grad()
        F.cross_entropy(plain(images), labels, label_smoothing=0.1).backward()
        nn.utils.clip_grad_norm_(plain.parameters(), longest)
        optimizer.step()
    assert_same_weights(ours, plain)


def test_clipping_measures_the_gradient_of_the_kept_weights_alone() -> None:
    model = network()
    mask = random_mask(model)
    before = {name: value.copy() for name, value in arrays_of(model).items()}
    chosen = recipe(momentum=0.0, weight_decay=0.0, clip_gradient_norm=0.1)
    step = TrainingStep(model, chosen, mask, "float32")
    step(*image_set().plain(0, 64), 1.0)
    moved = [
        (value.detach().numpy() - before[name])[mask.get(name, np.ones(value.shape, bool))]
        for name, value in model.named_parameters()
    ]
    assert np.linalg.norm(np.concatenate(moved)) == pytest.approx(0.1, rel=1e-3)


def test_the_test_loss_and_accuracy_are_of_plain_labels() -> None:
    smooth = train(
        network(), image_set(), image_set(20, 0), TrainingPlan(recipe(label_smoothing=0.5), 0, "dense")
    )
    labels = image_set(20, 0).labels
    assert smooth.logits is not None
    right = (torch.from_numpy(smooth.logits).argmax(1) == labels).double().mean().item()
    assert smooth.history[-1]["test_accuracy"] == pytest.approx(100 * right)


# Schedules.


def torchs_schedule(chosen: Recipe, optimizer: torch.optim.Optimizer) -> lr_scheduler.LRScheduler:
    rest, warm = chosen.epochs - chosen.warmup_epochs, chosen.warmup_epochs
    final = chosen.final_learning_rate or 0.0
    made = {
        "step": lambda: lr_scheduler.MultiStepLR(
            optimizer, [drop - warm for drop in chosen.milestones or ()], gamma=chosen.gamma or 0.1
        ),
        "cosine": lambda: lr_scheduler.CosineAnnealingLR(optimizer, rest, final),
        "linear": lambda: lr_scheduler.LinearLR(optimizer, 1.0, final / chosen.learning_rate, rest),
        "constant": lambda: lr_scheduler.ConstantLR(optimizer, 1.0),
    }
    main = made[chosen.schedule]()
    if not warm:
        return main
    rising = lr_scheduler.LinearLR(optimizer, 1 / (warm + 1), 1.0, warm)
    return lr_scheduler.SequentialLR(optimizer, [rising, main], [warm])


@pytest.mark.parametrize("warm", [0, 1, 5])
@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.filterwarnings("ignore:.*lr_scheduler.step.*before")
def test_a_schedule_is_that_of_torch(name: str, warm: int) -> None:
    constants = {
        "step": {"milestones": (9, 14)},
        "cosine": {"final_learning_rate": 0.001},
        "linear": {"final_learning_rate": 0.002},
    }
    chosen = recipe(
        epochs=20, learning_rate=0.1, schedule=name, warmup_epochs=warm, **constants.get(name, {})
    )
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=chosen.learning_rate)
    schedule = torchs_schedule(chosen, optimizer)
    for epoch in range(chosen.epochs):
        expected = optimizer.param_groups[0]["lr"]
        assert np.float32(chosen.learning_rate_of(epoch)) == pytest.approx(np.float32(expected), rel=2e-7)
        assert chosen.learning_rate_of(epoch) == pytest.approx(expected, rel=1e-12)
        schedule.step()


def test_warm_up_rises_in_equal_steps_to_the_full_rate() -> None:
    chosen = recipe(epochs=6, learning_rate=0.4, schedule="constant", warmup_epochs=3)
    assert [chosen.learning_rate_of(epoch) for epoch in range(6)] == pytest.approx(
        [0.1, 0.2, 0.3, 0.4, 0.4, 0.4]
    )


# Masks, captures, checkpoints: every optimizer of the table.


def keys_of(name: str) -> dict[str, Any]:
    return {"optimizer": name, "schedule": "cosine", "warmup_epochs": 1, "clip_gradient_norm": 1.0}


@pytest.mark.parametrize(
    ("name", "longest"), [("adamw", None), ("adam", None), *((name, 1.0) for name in OPTIMIZERS)]
)
def test_pruned_weights_stay_zero_with_a_state_of_zero(name: str, longest: float | None) -> None:
    model = network()
    mask = random_mask(model)
    plan = TrainingPlan(
        recipe(**{**keys_of(name), "clip_gradient_norm": longest}, weight_decay=0.5), 0, "retrain"
    )
    end = train(model, image_set(), image_set(20, 0), plan, mask=mask)
    for key, kept in mask.items():
        assert not end.weights[key][~kept].any()
        assert end.weights[key][kept].all()
        states = [value for group, value in end.optimizer.items() if group.endswith(f"/{key}")]
        assert states
        for state in states:
            assert not state[~kept].any()
            assert state[kept].any()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_pruning_changes_no_kept_weight_but_through_the_network(name: str) -> None:
    """A pruned weight that the network does not read at all leaves no trace in the others."""
    ends = []
    for pruned in (False, True):
        model = nn.Sequential(network(), nn.Identity())
        model.register_parameter("aside", nn.Parameter(torch.ones(5, 5)))
        mask = {"aside": np.zeros((5, 5), bool)} if pruned else None
        step = TrainingStep(model, recipe(**keys_of(name)), mask, "float32")
        for _ in range(5):
            step(*image_set().plain(0, 16), RATE)
        ends.append(arrays_of(model[0]))
    assert_equal(*ends)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_captured_steps_equal_eager_ones(name: str) -> None:
    ends = []
    for captured in (False, True):
        model = network()
        step = TrainingStep(model, recipe(**keys_of(name)), random_mask(model), "float32")
        take = GraphedStep(step, 16, record_by_calling) if captured else step
        ends.append(trained(take, step))
    assert_equal(*ends)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_lists_all_that_it_changes(name: str) -> None:
    """A capture undoes its steps by this list: what is missing would count a step that was never taken."""
    step = TrainingStep(network(), recipe(**keys_of(name)), None, "float32")
    listed = {id(value) for value in step.state()}
    assert all(id(value) in listed for value in step.optimizer.state.values())
    before = [value.clone() for value in step.optimizer.state.values()]
    step(*image_set().plain(0, 16), RATE)
    after = list(step.optimizer.state.values())
    assert all((old != new).any() for old, new in zip(before, after, strict=True))


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("stopped_after", [3, 9])
def test_a_resumed_run_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, stopped_after: int
) -> None:
    def run(checkpoint: Checkpoint | None) -> dict[str, np.ndarray]:
        model = network()
        plan = TrainingPlan(recipe(**keys_of(name)), 0, "retrain")
        end = train(
            model, image_set(), image_set(20, 0), plan, mask=random_mask(model), checkpoint=checkpoint
        )
        return {**end.weights, **{f"optimizer/{key}": value for key, value in end.optimizer.items()}}

    whole, taken, call = run(None), [], TrainingStep.__call__

    def counted(step: TrainingStep, *arguments: Any) -> None:
        call(step, *arguments)
        taken.append(1)

    monkeypatch.setattr(TrainingStep, "__call__", counted)
    with monkeypatch.context() as stopping:
        stopping.setattr(StopSignal, "__bool__", lambda self: len(taken) == stopped_after)
        with pytest.raises(StopRequestedError):
            run(Checkpoint(tmp_path / "checkpoint.safetensors", {}, 1e9))
    resumed = run(Checkpoint(tmp_path / "checkpoint.safetensors", {}, 1e9))
    assert len(taken) == 14
    assert_equal(whole, resumed)
    assert whole.keys() == resumed.keys()


class Shared(nn.Module):
    """Two parameters whose gradients are one tensor, because they are added."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Parameter(torch.linspace(1.0, 2.0, 10))
        self.other = nn.Parameter(torch.linspace(3.0, 4.0, 10))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean((1, 2, 3))[:, None] * (self.one + self.other)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_gradients_that_share_memory_are_not_mixed_up(name: str) -> None:
    ours, plain = Shared(), Shared()
    step = TrainingStep(ours, recipe(optimizer=name, weight_decay=0.5), None, "float32")
    make, constants = TORCHS[name]
    optimizer = make(plain.parameters(), lr=RATE, foreach=True, **(constants | {"weight_decay": 0.5}))
    images, labels = image_set().plain(0, 16)
    for _ in range(3):
        step(images, labels, RATE)
        optimizer.zero_grad()
        F.cross_entropy(plain(images), labels).backward()
        optimizer.step()
    assert_same_weights(ours, plain)
