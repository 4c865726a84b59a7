"""Record one forward pass of a network, operation by operation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from prunepipe.errors import ConfigError
from prunepipe.networks.prunable import pruned_weights

BATCH = 2
"""Images in the trial batch; with a single one, squeeze() would drop the axis of the batch."""

_TO_NUMPY = (Tensor.numpy, Tensor.tolist, Tensor.__array__, Tensor.__dlpack__)
_SHOWS_VALUES = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}


class Call(NamedTuple):
    """One operation: a function of torch.ops.aten, its arguments and its result."""

    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any

    @property
    def name(self) -> str:
        """Name of the function: "relu" of relu, relu_ and relu.out."""
        return str(self.function.overloadpacket.__name__).removesuffix("_")

    @property
    def arguments(self) -> dict[str, Any]:
        """All arguments by name, including defaults, in the order of the function's schema."""
        known = [argument.name for argument in self.function._schema.arguments]
        defaults = {
            argument.name: argument.default_value
            for argument in self.function._schema.arguments
            if argument.has_default_value()
        }
        given = dict(zip(known, self.args, strict=False)) | self.kwargs
        return {name: given.get(name, defaults.get(name)) for name in known}

    @property
    def given(self) -> list[Tensor]:
        """The tensors among the arguments."""
        return tensors_of((self.args, self.kwargs))

    @property
    def written(self) -> list[Tensor]:
        """The arguments that the function changes in place."""
        arguments = self.arguments
        changed = [
            argument.name
            for argument in self.function._schema.arguments
            if argument.alias_info is not None and argument.alias_info.is_write
        ]
        return tensors_of([arguments[name] for name in changed])


class Recording(NamedTuple):
    """A forward pass of a network.

    Attributes:
        weights: the prunable weights of the copy that ran, by parameter name.
        by_unit: per weight, a function that reshapes values shaped like it to one row per output unit.
        images: the trial batch.
        calls: the operations in order; tensors with one storage share memory.
        outputs: the tensors that the network returned.
        read: tensors whose values Python or numpy read, so that the operations themselves may depend on them.
    """

    weights: dict[str, Tensor]
    by_unit: dict[str, Callable[[np.ndarray], np.ndarray]]
    images: Tensor
    calls: list[Call]
    outputs: list[Tensor]
    read: list[Tensor]


def record(network: nn.Module, image_shape: tuple[int, ...]) -> Recording:
    """Run a network once and record every operation.

    Args:
        network: not changed; a float32 copy of it runs on the CPU, in eval mode, on noise.
        image_shape: shape of one image, for example (channels, height, width).
    Raises:
        ConfigError: the network does not accept such images.
        ScoreError: it has no prunable weight, or two modules share one.
    """
    network = deepcopy(network).cpu().float().eval()
    pruned = pruned_weights(network)
    weights = {weight.name: weight.plain_parameter().detach() for weight in pruned}
    by_unit: dict[str, Callable[[np.ndarray], np.ndarray]] = {w.name: w.by_unit for w in pruned}
    images = torch.randn(BATCH, *image_shape, generator=torch.Generator().manual_seed(0))
    recorder = _Recorder()
    try:
        with _plain_arithmetic(), torch.no_grad(), recorder, _NumpyWatch(recorder.read):
            outputs = network(images)
    except Exception as error:  # whatever torch or the user's code raises on images it does not fit
        raise ConfigError(
            f"{type(network).__name__} does not accept images of shape {[BATCH, *image_shape]} "
            f"({type(error).__name__}: {_first_line(error)}). Fix its channels or image_size."
        ) from error
    return Recording(weights, by_unit, images, recorder.calls, tensors_of(outputs), recorder.read)


def tensors_of(values: Any) -> list[Tensor]:
    """Return the tensors in nested lists, tuples and dictionaries."""
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]


@contextmanager
def _plain_arithmetic() -> Iterator[None]:
    """Run attention as products and a softmax instead of one operation, and restore the random state afterwards."""
    with sdpa_kernel(SDPBackend.MATH), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        yield


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Records each operation below autograd, where all networks consist of the same few operations."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[Call] = []
        self.read: list[Tensor] = []

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # otherwise the first operation imports torch's compiler, which takes seconds

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        # The network may reshape this tensor in place later; keep its present shape.
        given, named = tree_map_only(Tensor, Tensor.detach, (args, kwargs))
        result = func(*args, **kwargs)
        call = Call(func, given, named, tree_map_only(Tensor, Tensor.detach, result))
        self.calls.append(call)
        if _SHOWS_VALUES & set(func.tags):
            self.read += [tensor for tensor in call.given if _shows(call, tensor)]
        return result


class _NumpyWatch(TorchFunctionMode):
    """Records the tensors that a forward pass hands to numpy or to lists, where they can no longer be followed."""

    def __init__(self, read: list[Tensor]) -> None:
        super().__init__()
        self._read = read

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _TO_NUMPY:
            self._read.append(args[0].detach())
        return func(*args, **(kwargs or {}))


def _shows(call: Call, tensor: Tensor) -> bool:
    """Return whether a call shows a tensor's values to Python; x[chosen] shows only a boolean `chosen`."""
    return call.name != "index" or tensor.dtype in (torch.bool, torch.uint8)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0][:200]
