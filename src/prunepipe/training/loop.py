"""The training loop for dense networks and tickets."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from prunepipe.artifacts import Arrays
from prunepipe.errors import TrainingError
from prunepipe.networks.state import array_of, arrays_of, load_arrays
from prunepipe.seeds import stream_key, torch_generator
from prunepipe.study.batches import batch_bounds
from prunepipe.study.recipe import Recipe
from prunepipe.training.batch_norm import refresh
from prunepipe.training.checkpoint import Checkpoint, StopRequestedError, StopSignal, TrainState, stop_signal
from prunepipe.training.cuda_graph import GraphedStep
from prunepipe.training.images import Draws, ImageSet, draw_epoch, to_device
from prunepipe.training.moving import MovingMask
from prunepipe.training.step import TrainingStep, autocast, default_generator

EVALUATION_BATCH = (
    500  # with 1000, activations of small networks no longer fit into the cache: up to 1.4 times slower
)


@dataclass(frozen=True)
class TrainingPlan:
    """Describes one training run.

    Attributes:
        recipe: how to train.
        seed: the run's seed.
        purpose: "dense", "search" or "retrain"; together with the seed it determines order, crops and flips.
        precision: "float32" or "bfloat16".
        first_epoch: the epoch at which the schedule starts (0 unless a ticket's schedule is `remaining`).
        snapshot_epochs: epochs after which the weights are kept for rewinding.
        shuffle: False trains in file order.
        refresh_batch_norm: whether to recompute BatchNorm's running statistics after the last epoch.
        moving: moves the mask between steps; None: the mask is fixed.
        graphs: whether a GPU takes its steps as a CUDA graph; False launches every operation by itself.
    """

    recipe: Recipe
    seed: int
    purpose: str
    precision: str = "float32"
    first_epoch: int = 0
    snapshot_epochs: Sequence[int] = ()
    shuffle: bool = True
    refresh_batch_norm: bool = False
    moving: MovingMask | None = None
    graphs: bool = True


def train(
    network: nn.Module,
    training_set: ImageSet,
    test_set: ImageSet,
    plan: TrainingPlan,
    *,
    mask: Mapping[str, np.ndarray] | None = None,
    checkpoint: Checkpoint | None = None,
    after_epoch: Callable[[TrainState], None] = lambda state: None,
) -> TrainState:
    """Train a network and return its final state.

    Args:
        network: on its device; training starts from its present weights.
        training_set, test_set: images on the same device.
        plan: recipe, seed and schedule.
        mask: True = kept; enforced at every step and verified after every epoch. A moving mask starts from it.
        checkpoint: an interrupted run resumes from it and ends with the same bytes as an uninterrupted one.
        after_epoch: called with the state after each epoch.
    Returns:
        The state after the last epoch, with the history of all of them.
    Raises:
        TrainingError: there is only one image, the loss is not finite, or a pruned weight is not zero.
        StopRequestedError: SIGTERM or SIGINT arrived; the checkpoint is written.
    """
    if len(training_set) < 2:
        raise TrainingError(
            "the training set holds one image, but BatchNorm needs at least two; raise train_images."
        )
    step = TrainingStep(network, plan.recipe, mask, plan.precision)
    captured = step.device.type == "cuda" and plan.graphs
    take = GraphedStep(step, plan.recipe.batch_size) if captured else step
    found = checkpoint.load() if checkpoint else None
    moved = arrays_in(step.kept()) if plan.moving else {}
    state = found or TrainState(epoch=plan.first_epoch, mask=moved)
    if found is not None:
        restore(step, found)
    devices = [step.device] if step.device.type == "cuda" else []
    with stop_signal() as stop, torch.random.fork_rng(devices=devices):
        while state.epoch < plan.recipe.epochs:
            started = time.perf_counter()
            _train_epoch(step, take, training_set, plan, state, stop, checkpoint)
            state = _finish_epoch(step, state, plan, training_set, test_set)
            state.seconds = [*state.seconds, time.perf_counter() - started]
            after_epoch(state)
            if checkpoint is not None and checkpoint.due():
                checkpoint.save(capture(step, state))
    return capture(step, state)


def _train_epoch(
    step: TrainingStep,
    take: TrainingStep | GraphedStep,
    training_set: ImageSet,
    plan: TrainingPlan,
    state: TrainState,
    stop: StopSignal,
    checkpoint: Checkpoint | None,
) -> None:
    """Take the remaining steps of an epoch; stop between two steps if a signal has arrived."""
    step.network.train()
    step.reset(state.loss, state.correct)
    draws = epoch_draws(training_set, plan, state.epoch)
    rate = plan.recipe.learning_rate_of(state.epoch)
    bounds = batch_bounds(len(training_set), plan.recipe.batch_size)
    for number, (start, end) in list(enumerate(bounds))[state.step :]:
        if stop:
            _stop(step, replace(state, step=number), stop, checkpoint)
        images, labels = training_set.batch(draws, start, end)
        _seed_step(plan, state.epoch, number, step.device)
        taken = state.epoch * len(bounds) + number + 1
        if plan.moving is not None and plan.moving.due(taken):
            plan.moving.take(step, take, images, labels, rate, taken)
        else:
            take(images, labels, rate)


def _seed_step(plan: TrainingPlan, epoch: int, number: int, device: torch.device) -> None:
    """Seed the global generator, which dropout uses, for this step, so that an interruption changes nothing."""
    default_generator(device).manual_seed(stream_key(plan.seed, plan.purpose, "step", epoch, number))


def _stop(step: TrainingStep, state: TrainState, stop: StopSignal, checkpoint: Checkpoint | None) -> None:
    if checkpoint is not None:
        within = capture(step, state)
        checkpoint.save(replace(within, loss=step.loss.item(), correct=int(step.correct.item())))
    raise StopRequestedError(f"stopped by signal {stop.number} in epoch {state.epoch + 1}, step {state.step}")


def epoch_draws(training_set: ImageSet, plan: TrainingPlan, epoch: int) -> Draws:
    """Return the draws of one epoch, which depend only on seed, purpose and epoch."""
    generator = torch_generator(plan.seed, plan.purpose, "epoch", epoch)
    draws = draw_epoch(len(training_set), plan.recipe.augmentation, generator, shuffle=plan.shuffle)
    return to_device(draws, training_set.device)


def _finish_epoch(
    step: TrainingStep, state: TrainState, plan: TrainingPlan, training_set: ImageSet, test_set: ImageSet
) -> TrainState:
    epoch = state.epoch + 1
    loss = step.loss.item() / len(training_set)
    tested = plan.recipe.evaluates_after(epoch)
    if plan.refresh_batch_norm and epoch == plan.recipe.epochs:
        refresh_statistics(step.network, training_set, plan)
    logits = predict(step.network, test_set, plan.precision) if tested else None
    # The loss was computed before the last update; the logits show whether that update diverged.
    if not (math.isfinite(loss) and (logits is None or logits.isfinite().all())):
        raise TrainingError(
            f"training diverged in epoch {epoch} of {plan.recipe.epochs} (loss {loss}); "
            f"lower recipe.learning_rate = {plan.recipe.learning_rate}."
        )
    if not step.mask_holds():
        raise TrainingError(f"a pruned weight is not zero after epoch {epoch}; this is a defect.")
    row = {
        "epoch": epoch,
        "learning_rate": plan.recipe.learning_rate_of(state.epoch),
        "train_loss": loss,
        "train_accuracy": 100.0 * step.correct.item() / len(training_set),
    }
    if plan.moving is not None:
        row["density"] = step.density()
    if logits is not None:
        row["test_accuracy"] = 100.0 * (logits.argmax(1) == test_set.labels).double().mean().item()
    snapshots = {epoch: arrays_of(step.network)} if epoch in plan.snapshot_epochs else {}
    return replace(
        state,
        epoch=epoch,
        step=0,
        loss=0.0,
        correct=0,
        history=[*state.history, row],
        snapshots={**state.snapshots, **snapshots},
        logits=None if logits is None else logits.cpu().numpy(),
    )


def refresh_statistics(network: nn.Module, training_set: ImageSet, plan: TrainingPlan) -> None:
    """Recompute BatchNorm's running statistics in one pass over the training images, with its own random stream."""
    generator = torch_generator(plan.seed, plan.purpose, "batch norm")
    recipe = plan.recipe
    refresh(network, training_set, recipe.augmentation.unmixed, recipe.batch_size, generator, plan.precision)


@torch.no_grad()
def predict(network: nn.Module, images: ImageSet, precision: str) -> torch.Tensor:
    """Return the logits float32 [N, K] of every image, in eval mode."""
    network.eval()
    batches = []
    for start in range(0, len(images), EVALUATION_BATCH):
        with autocast(images.device, precision):
            batches.append(network(images.plain(start, start + EVALUATION_BATCH)[0]).float())
    return torch.cat(batches)


def capture(step: TrainingStep, state: TrainState) -> TrainState:
    """Return `state` with the current weights, mask and state of the optimizer."""
    mask = arrays_in(step.kept()) if state.mask else {}
    weights, optimizer = arrays_of(step.network), arrays_in(step.optimizer.state)
    return replace(state, weights=weights, optimizer=optimizer, mask=mask)


def arrays_in(tensors: Mapping[str, torch.Tensor]) -> Arrays:
    """Return copies of tensors as arrays, by name."""
    return {name: array_of(value) for name, value in tensors.items()}


@torch.no_grad()
def restore(step: TrainingStep, state: TrainState) -> None:
    """Put the weights back into the network, and the state into its optimizer."""
    if state.mask:
        step.move_mask({name: torch.from_numpy(kept) for name, kept in state.mask.items()})
    load_arrays(step.network, state.weights)
    for name, value in step.optimizer.state.items():
        value.copy_(torch.from_numpy(state.optimizer[name]).view_as(value))  # a file keeps a number as [1]
