"""Capture a training step in a CUDA graph: one kernel launch instead of hundreds, with the same arithmetic."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from prunepipe.training.step import TrainingStep, default_generator

Record = Callable[[Callable[[], None]], Callable[[], None]]
"""Runs a function and returns one that repeats its work on the device."""

WARM_UP_STEPS = 3
"""Steps before the capture, in which libraries choose algorithms and allocate memory; their effect is undone."""


class GraphedStep:
    """A TrainingStep for batches of one size, captured again whenever the learning rate changes.

    Batches of another size (the last, partial one) run without a graph, and so does everything if a capture fails.

    Args:
        step: the step to capture; replays change its state (weights, optimizer, sums).
        batch_size: size of the batches that are captured.
        record: captures a function on the step's device; tests pass one that just calls it again.
    """

    def __init__(self, step: TrainingStep, batch_size: int, record: Record | None = None) -> None:
        self._step = step
        self._batch_size = batch_size
        self._record = record or record_cuda
        self._images: Tensor | None = None
        self._labels: Tensor | None = None
        self._rate = float("nan")
        self._replay: Callable[[], None] | None = None
        self.failed = ""

    def __call__(self, images: Tensor, labels: Tensor, learning_rate: float) -> None:
        """Take one step on images [B, C, H, W] and labels, int64 [B] or shares of the classes [B, K]."""
        if self.failed or len(images) != self._batch_size:
            self._step(images, labels, learning_rate)
            return
        if self._images is None or self._labels is None:
            self._images, self._labels = images.clone(), labels.clone()
        self._images.copy_(images)
        self._labels.copy_(labels)
        if learning_rate != self._rate:
            self._capture(learning_rate)
        if self._replay is None:
            self._step(images, labels, learning_rate)
        else:
            self._replay()

    def _capture(self, learning_rate: float) -> None:
        before = self._step.copied_state()
        generator = default_generator(self._step.device)
        randomness = generator.get_state()
        self._rate = learning_rate
        self._replay = None  # frees the old graph's memory for the new one

        def step() -> None:
            assert self._images is not None
            assert self._labels is not None
            self._step(self._images, self._labels, learning_rate)

        try:
            self._replay = self._record(step)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:  # raised by CUDA for an operation that a graph cannot contain
            self.failed = str(error).splitlines()[0]
            print(f"the step cannot be captured in a CUDA graph and runs eagerly: {self.failed}", flush=True)
        with torch.no_grad():
            for value, old in zip(self._step.state(), before, strict=True):
                value.copy_(old)
        generator.set_state(randomness)  # dropout draws as if nothing had been captured


def record_cuda(function: Callable[[], None]) -> Callable[[], None]:
    """Capture a function's work on the current CUDA device, after a few calls to warm up, and return its replay."""
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP_STEPS):
            function()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        function()
    return graph.replay
