"""Captured steps: the same arithmetic as eager ones, on the CPU as far as it goes without CUDA."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from test_training import AUGMENTED, RECIPE, image_set, network, random_mask

from prunepipe.networks.state import arrays_of
from prunepipe.seeds import torch_generator
from prunepipe.training.cuda_graph import GraphedStep
from prunepipe.training.images import draw_epoch
from prunepipe.training.step import TrainingStep

RATES = [0.05] * 7 + [0.005] * 7


def record_by_calling(function: Callable[[], None]) -> Callable[[], None]:
    for _ in range(4):  # what a capture does to the state before the first replay
        function()
    return function


def trained(take: Callable, step: TrainingStep) -> dict:
    data = image_set()
    draws = draw_epoch(len(data), AUGMENTED, torch_generator(0, "test"))
    step.network.train()
    for number, rate in enumerate(RATES):
        start = number % 7 * 16
        take(*data.batch(draws, start, start + 16), rate)
    return {**arrays_of(step.network), "loss": step.loss.numpy(), "correct": step.correct.numpy()}


def make_step() -> TrainingStep:
    model = network()
    return TrainingStep(model, RECIPE, random_mask(model), "float32")


def assert_equal(one: dict, other: dict) -> None:
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)


def test_captured_steps_equal_eager_ones_through_a_rate_drop_and_a_partial_batch() -> None:
    eager, captured = make_step(), make_step()
    graphed = GraphedStep(captured, 16, record_by_calling)
    assert_equal(trained(eager, eager), trained(graphed, captured))
    assert not graphed.failed


def test_replays_read_the_new_batch_not_the_captured_one() -> None:
    step = make_step()
    seen = []

    def record(function: Callable[[], None]) -> Callable[[], None]:
        return lambda: (seen.append(graphed._images.clone()), function())

    graphed = GraphedStep(step, 16, record)
    trained(graphed, step)
    assert len(seen) == 12  # 14 steps less the two partial ones
    assert len({images.sum().item() for images in seen}) == 6


def is_held(parameter: torch.Tensor) -> bool:
    """Return whether something keeps the node alive that accumulates a parameter's gradient."""

    def node() -> torch.autograd.graph.Node:
        return parameter.view_as(parameter).grad_fn.next_functions[0][0]

    node().metadata["seen"] = True
    return "seen" in node().metadata


def test_nothing_of_autograds_graph_is_held_while_a_step_is_captured() -> None:
    """CUDA refuses a capture if such a node was made on another stream."""
    step, held = make_step(), []

    def record(function: Callable[[], None]) -> Callable[[], None]:
        held.extend(is_held(parameter) for parameter in step.parameters.values())
        return function

    trained(GraphedStep(step, 16, record), step)
    assert held
    assert not any(held)
    kept = next(iter(step.parameters.values()))
    copy = kept.clone()
    assert is_held(kept)  # as it would be by a copy with a gradient
    assert copy.requires_grad


def test_a_step_that_cannot_be_captured_runs_eagerly_and_says_so(capsys: pytest.CaptureFixture) -> None:
    def refuse(function: Callable[[], None]) -> Callable[[], None]:
        function()  # half a capture: its effect must be undone
        raise RuntimeError("operation not permitted when stream is capturing")

    eager, captured = make_step(), make_step()
    assert_equal(trained(eager, eager), trained(GraphedStep(captured, 16, refuse), captured))
    assert "runs eagerly: operation not permitted" in capsys.readouterr().out


def with_dropout(step_of: Callable[[TrainingStep], Callable]) -> dict:
    model = torch.nn.Sequential(network(), torch.nn.Dropout(0.5))
    step = TrainingStep(model, RECIPE, None, "float32")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return trained(step_of(step), step)


def test_a_capture_takes_no_random_numbers_from_the_steps() -> None:
    assert_equal(
        with_dropout(lambda step: step), with_dropout(lambda step: GraphedStep(step, 16, record_by_calling))
    )


def test_a_run_that_resumes_at_a_partial_batch_is_captured_all_the_same() -> None:
    step, replayed = make_step(), []

    def record(function: Callable[[], None]) -> Callable[[], None]:
        return lambda: (replayed.append(1), function())

    take, data = GraphedStep(step, 16, record), image_set()
    draws = draw_epoch(len(data), AUGMENTED, torch_generator(0, "test"))
    for start in (96, 0, 16):
        take(*data.batch(draws, start, start + 16), 0.05)
    assert len(replayed) == 2


def test_running_out_of_memory_in_a_capture_is_no_reason_to_run_eagerly() -> None:
    def fail(function: Callable[[], None]) -> Callable[[], None]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    step = make_step()
    with pytest.raises(torch.OutOfMemoryError):
        trained(GraphedStep(step, 16, fail), step)
