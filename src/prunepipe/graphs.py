"""A training step captured in a CUDA graph: one launch instead of hundreds, the same arithmetic."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from prunepipe.engine import TrainingStep

Record = Callable[[Callable[[], None]], Callable[[], None]]
"""Turn a function into one that repeats the device work that it did."""

WARM_UP_STEPS = 3
"""Steps before the capture, in which libraries choose algorithms and allocate; their effect is undone."""


class GraphedStep:
    """A TrainingStep for batches of one shape, captured anew whenever the learning rate changes.

    Batches of another shape (the last, partial one) and steps whose capture fails run as they are.

    Args:
        step: what is captured; its state (weights, momentum, sums) is what replays change.
        record: captures a function on the step's device; tests pass one that just calls it again.
    """

    def __init__(self, step: TrainingStep, record: Record | None = None) -> None:
        self._step = step
        self._record = record or record_cuda
        self._images: Tensor | None = None
        self._labels: Tensor | None = None
        self._rate = float("nan")
        self._replay: Callable[[], None] | None = None
        self.failed = ""

    def __call__(self, images: Tensor, labels: Tensor, learning_rate: float) -> None:
        """Take one step on images [B, C, H, W] and labels [B]."""
        if self._images is None:
            self._images, self._labels = images.clone(), labels.clone()
        if self.failed or images.shape != self._images.shape:
            self._step(images, labels, learning_rate)
            return
        assert self._labels is not None
        self._images.copy_(images)
        self._labels.copy_(labels)
        if learning_rate != self._rate:
            self._capture(learning_rate)
        if self._replay is None:
            self._step(images, labels, learning_rate)
        else:
            self._replay()

    def _capture(self, learning_rate: float) -> None:
        before = [value.clone() for value in self._step.state()]
        self._rate = learning_rate

        def step() -> None:
            assert self._images is not None
            assert self._labels is not None
            self._step(self._images, self._labels, learning_rate)

        try:
            self._replay = self._record(step)
        except RuntimeError as error:  # what CUDA raises for an operation that a graph cannot hold
            self._replay, self.failed = None, str(error).splitlines()[0]
            print(f"the step cannot be captured in a CUDA graph and runs eagerly: {self.failed}", flush=True)
        with torch.no_grad():
            for value, old in zip(self._step.state(), before, strict=True):
                value.copy_(old)


def record_cuda(function: Callable[[], None]) -> Callable[[], None]:
    """Capture a function's work on the current CUDA device, after a few warm-up calls on a side stream."""
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
