"""One forward pass of a network, written down operation by operation as torch carries it out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from prunepipe.errors import ConfigError
from prunepipe.networks.prunable import prunable

BATCH = 2
"""Images in the trial batch; more than one, or squeeze() would drop the axis of the batch."""

_LEAVES_TORCH = (Tensor.numpy, Tensor.tolist, Tensor.__array__, Tensor.__dlpack__)


class Call(NamedTuple):
    """One operation: a function of torch's library, what it was given and what it returned."""

    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any


class Recording(NamedTuple):
    """A forward pass of a network.

    Attributes:
        weights: the prunable weights of the copy that was run.
        images: the trial batch.
        calls: in order; tensors that share memory are told by their storages.
        outputs: tensors that the network returned.
        read: tensors whose values Python looked at, so that what was run may depend on them.
    """

    weights: dict[str, Tensor]
    images: Tensor
    calls: list[Call]
    outputs: list[Tensor]
    read: list[Tensor]


def record(network: nn.Module, image_shape: tuple[int, ...]) -> Recording:
    """Run a network once and write down every operation.

    Args:
        network: not changed; run as a copy, on the CPU, in eval mode, on noise.
        image_shape: of one image, for example (channels, height, width).
    Raises:
        ConfigError: the network does not take such images.
        ScoreError: it has no prunable weight, or two layers share one.
    """
    network = deepcopy(network).cpu().eval()
    weights: dict[str, Tensor] = {name: weight.detach() for name, weight in prunable(network).items()}
    images = torch.randn(BATCH, *image_shape, generator=torch.Generator().manual_seed(0))
    recorder = _Recorder()
    try:
        with _undivided(), torch.no_grad(), recorder, _Exits(recorder.read):
            outputs = network(images)
    except Exception as error:  # whatever torch or the user's code raises on images it does not fit
        raise ConfigError(
            f"{type(network).__name__} does not take images of shape {[BATCH, *image_shape]} "
            f"({type(error).__name__}: {_first_line(error)}). Fix its channels or image_size."
        ) from error
    tensors = [leaf for leaf in tree_leaves(outputs) if isinstance(leaf, Tensor)]
    return Recording(weights, images, recorder.calls, tensors, recorder.read)


@contextmanager
def _undivided() -> Iterator[None]:
    """Let no attention layer be one operation, and give the random numbers of a user's forward back."""
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH), torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)


class _Recorder(TorchDispatchMode):
    """Notes each operation beneath autograd, where every network is made of the same few."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self.read: list[Tensor] = []

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else the first operation imports the compiler, which takes seconds

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        # An operation may change the shape of the very tensor that it is given: keep what it was.
        given = tree_map_only(Tensor, Tensor.detach, (args, kwargs or {}))
        result = func(*args, **(kwargs or {}))
        self.calls.append(Call(func, *given, tree_map_only(Tensor, Tensor.detach, result)))
        if {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape} & set(func.tags):
            self.read += [leaf for leaf in tree_leaves(given) if _is_read(func, leaf)]
        return result


class _Exits(TorchFunctionMode):
    """Notes the tensors that a forward pass hands to numpy or to lists, where they are lost from sight."""

    def __init__(self, read: list[Tensor]) -> None:
        super().__init__()
        self._read = read

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _LEAVES_TORCH:
            self._read.append(args[0].detach())
        return func(*args, **(kwargs or {}))


def _is_read(func: Any, leaf: Any) -> bool:
    """Return whether an operation's shapes or Python's way depend on a tensor; x[i] depends on bool i only."""
    picks = func.overloadpacket is torch.ops.aten.index
    return isinstance(leaf, Tensor) and (not picks or leaf.dtype in (torch.bool, torch.uint8))


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0][:200]
