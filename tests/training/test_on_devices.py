"""Training on the CPU and, where there is one, on a GPU: what must hold on every device (`make gpu-check`)."""

import hashlib
import multiprocessing
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_cuda_graph import assert_equal, record_by_calling
from test_training import AUGMENTED, RECIPE, network, random_mask

from prunepipe.execution.devices import has_bfloat16, prepare_process
from prunepipe.execution.leases import lease_devices
from prunepipe.networks.state import arrays_of
from prunepipe.seeds import torch_generator
from prunepipe.training.checkpoint import Checkpoint, StopRequestedError, TrainState
from prunepipe.training.cuda_graph import GraphedStep
from prunepipe.training.images import ImageSet, draw_epoch, to_device
from prunepipe.training.loop import TrainingPlan, train
from prunepipe.training.step import TrainingStep

PLAN = TrainingPlan(RECIPE, 0, "retrain")
RATES = [0.05] * 7 + [0.005] * 7


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def device(request: pytest.FixtureRequest) -> Iterator[torch.device]:
    """Each device, prepared as a stage prepares it."""
    before = torch.get_deterministic_debug_mode()
    prepare_process(1)
    yield torch.device(request.param)
    torch.set_deterministic_debug_mode(before)


def images_on(device: torch.device, count: int = 100, padding: int = 1) -> ImageSet:
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (count, 1, 8, 8), dtype=np.uint8)
    labels = generator.integers(0, 10, count)
    return ImageSet(images, labels, (0.3,), (0.4,), crop_padding=padding, classes=10, device=device)


def run(device: torch.device, plan: TrainingPlan = PLAN, checkpoint: Checkpoint | None = None) -> TrainState:
    model = network().to(device)
    training, test = images_on(device), images_on(device, 20, 0)
    return train(model, training, test, plan, mask=random_mask(model), checkpoint=checkpoint)


def digest(state: TrainState) -> str:
    total = hashlib.sha256()
    for name, value in sorted(state.weights.items()):
        total.update(name.encode() + np.ascontiguousarray(value).tobytes())
    return total.hexdigest()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_captured_steps_equal_eager_ones(device: torch.device, precision: str) -> None:
    if not has_bfloat16(device) and precision == "bfloat16" and device.type == "cuda":
        pytest.skip("this GPU has no bfloat16")

    def trained(graphs: bool) -> dict:
        model = network().to(device)
        step = TrainingStep(model, RECIPE, random_mask(model), precision)
        record = record_by_calling if device.type == "cpu" else None
        take = GraphedStep(step, 16, record) if graphs else step
        data = images_on(device)
        draws = to_device(draw_epoch(100, AUGMENTED, torch_generator(0, "test")), device)
        step.network.train()
        for number, rate in enumerate(
            RATES
        ):  # a drop of the rate, and a partial batch at the end of each epoch
            take(*data.batch(draws, number % 7 * 16, number % 7 * 16 + 16), rate)
        assert not (graphs and take.failed)
        return {**arrays_of(model), "loss": step.loss.cpu().numpy(), "correct": step.correct.cpu().numpy()}

    assert_equal(trained(False), trained(True))


@pytest.mark.parametrize("stopped_after", [3, 7, 10])
def test_a_resumed_run_equals_an_uninterrupted_one(
    device: torch.device, stopped_after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, read, taken = tmp_path / "checkpoint.safetensors", ImageSet.batch, 0

    def counted(images: ImageSet, *arguments: int) -> object:
        nonlocal taken
        taken += 1
        if taken == stopped_after:
            os.kill(os.getpid(), signal.SIGTERM)
        return read(images, *arguments)

    monkeypatch.setattr(ImageSet, "batch", counted)
    with pytest.raises(StopRequestedError, match="stopped by signal"):
        run(device, checkpoint=Checkpoint(path, {}, 1e9))
    monkeypatch.undo()
    resumed, whole = run(device, checkpoint=Checkpoint(path, {}, 1e9)), run(device)
    assert taken == stopped_after
    assert digest(resumed) == digest(whole)
    assert resumed.history == whole.history


def test_pruned_weights_stay_zero_and_kept_ones_move(device: torch.device) -> None:
    before = network()
    mask, weights = random_mask(before), run(device).weights
    for name, kept in mask.items():
        assert not weights[name][~kept].any()
        assert (weights[name][kept] != before.get_parameter(name).detach().numpy()[kept]).mean() > 0.9


def test_float32_is_not_replaced_by_a_shorter_format(device: torch.device) -> None:
    """TensorFloat-32 has 10 bits of mantissa: errors of 1e-3, where float32 has 1e-6."""
    generator = torch.Generator().manual_seed(0)
    one, two = (torch.randn(256, 256, generator=generator, dtype=torch.float64) for _ in range(2))
    images, kernels = (
        torch.randn(*shape, generator=generator, dtype=torch.float64)
        for shape in ((8, 64, 8, 8), (64, 64, 3, 3))
    )
    for exact, function, inputs in (
        (one @ two, torch.matmul, (one, two)),
        (torch.conv2d(images, kernels), torch.conv2d, (images, kernels)),
    ):
        found = function(*(part.float().to(device) for part in inputs)).double().cpu()
        assert (found - exact).abs().max() < 1e-5 * exact.abs().max()


def test_bfloat16_computes_in_bfloat16_and_keeps_weights_in_float32(device: torch.device) -> None:
    if not has_bfloat16(device) and device.type == "cuda":
        pytest.skip("this GPU has no bfloat16")
    model, seen = network().to(device), []
    convolution = next(layer for layer in model.modules() if isinstance(layer, torch.nn.Conv2d))
    convolution.register_forward_hook(lambda layer, given, output: seen.append(output.dtype))
    step = TrainingStep(model, RECIPE, random_mask(model), "bfloat16")
    draws = to_device(draw_epoch(100, AUGMENTED, torch_generator(0, "test")), device)
    step(*images_on(device).batch(draws, 0, 16), 0.05)
    assert seen == [torch.bfloat16]
    assert {value.dtype for value in step.parameters.values()} == {torch.float32}
    assert {value.dtype for value in step.optimizer.state.values()} == {torch.float32}


def test_a_captured_run_equals_an_eager_one(device: torch.device) -> None:
    assert digest(run(device)) == digest(run(device, replace(PLAN, graphs=False)))


def _train_beside_others(name: str, folder: Path, barrier, queue) -> None:
    with lease_devices(1, jobs_per_device=2, folder=folder, say=lambda text: None) as leased:
        prepare_process(1)
        barrier.wait(120)
        queue.put((leased, digest(run(torch.device(name)))))


@pytest.mark.cuda
def test_jobs_that_share_a_gpu_do_not_change_each_others_results(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    barrier, queue = spawn.Barrier(2), spawn.Queue()
    arguments = ("cuda", tmp_path, barrier, queue)
    jobs = [spawn.Process(target=_train_beside_others, args=arguments) for _ in range(2)]
    for job in jobs:
        job.start()
    found = [queue.get(timeout=150) for _ in jobs]
    for job in jobs:
        job.join()
    prepare_process(1)
    assert all(len(leased) == 1 for leased, _ in found)
    assert {result for _, result in found} == {digest(run(torch.device("cuda")))}
