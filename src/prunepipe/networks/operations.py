"""What each operation of a traced network does to channels: the tables that `tracing` reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import fx, nn
from torch.nn.modules import activation, dropout, padding, pooling
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

Shape = tuple[int, ...]

PRUNABLE = (nn.Conv2d, nn.Linear)
"""Modules whose weights are pruned."""

# torch.nn's activations that look at more than one channel at a time.
_MIXING_ACTIVATIONS = ("Softmax", "Softmax2d", "LogSoftmax", "Softmin", "GLU", "MultiheadAttention")
POINTWISE_MODULES: tuple[type[nn.Module], ...] = (
    *(getattr(activation, name) for name in activation.__all__ if name not in _MIXING_ACTIVATIONS),
    *(getattr(dropout, name) for name in dropout.__all__),
    _BatchNorm,
    nn.Identity,
)
"""Modules whose output depends, at every position, on the input at that position only.

The batch statistics of BatchNorm do tie positions, in training, but they are the same for every image.
"""

CHANNELWISE_MODULES: tuple[type[nn.Module], ...] = (
    *(getattr(padding, name) for name in padding.__all__),
    *(getattr(pooling, name) for name in pooling.__all__),
    _InstanceNorm,
    nn.Upsample,
)
"""Modules whose output channel c depends on input channel c only (channel counts are compared as well)."""

# fmt: off
POINTWISE = frozenset({
    "relu", "relu6", "leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "gelu", "silu", "mish",
    "sigmoid", "logsigmoid", "log_sigmoid", "hardsigmoid", "hardswish", "hardtanh", "hardshrink",
    "softshrink", "tanhshrink", "softplus", "softsign", "threshold", "tanh", "exp", "log", "sqrt", "rsqrt",
    "abs", "neg", "pos", "square", "pow", "clamp", "clip", "clamp_min", "clamp_max", "erf", "sin", "cos",
    "mul", "multiply", "imul", "div", "divide", "true_divide", "truediv", "itruediv",
    "dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout",
    "stochastic_depth",
    "batch_norm",
    "contiguous", "clone", "detach", "to", "float", "double", "half", "bfloat16", "cpu", "cuda", "type_as",
})
CHANNELWISE = frozenset({
    "max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d", "lp_pool2d", "interpolate",
    "upsample", "instance_norm",
})
# fmt: on
"""Functions, methods and operators that keep positions, or only channels, apart; a product is the union of
its factors."""

ADDITIONS = frozenset({"add", "iadd", "sub", "subtract", "isub", "rsub", "maximum", "minimum"})
CONCATENATIONS = frozenset({"cat", "concat", "concatenate"})
RESHAPES = frozenset({"flatten", "view", "reshape", "squeeze", "unsqueeze", "unflatten"})
REDUCTIONS = frozenset({"mean", "sum", "amax", "amin", "var", "std"})
_HOMES = ("_operator", "builtins", "math", "torch", "torchvision")


def operation_name(node: fx.Node) -> str:
    """Return the plain name of a function or method call: torch.relu, F.relu and x.relu_() are all "relu".

    Returns:
        The name, or "" for a function that is not torch's, of which nothing is known.
    """
    if node.op == "call_method":
        return str(node.target).rstrip("_")
    home = (getattr(node.target, "__module__", None) or "torch").split(".")[0]
    name: str = getattr(node.target, "__name__", "")
    return name.rstrip("_") if home in _HOMES else ""


def keeps_channels_apart(module: nn.Module) -> bool:
    """Return whether a leaf module maps each channel on its own."""
    if isinstance(module, nn.GroupNorm):
        return module.num_groups == module.num_channels
    return isinstance(module, CHANNELWISE_MODULES)


def argument(node: fx.Node, position: int, name: str, default: Any = None) -> Any:
    """Return a call's argument, whether it was given by position or by name."""
    return node.args[position] if len(node.args) > position else node.kwargs.get(name, default)


def axes(node: fx.Node, dimensions: int) -> set[int]:
    """Return the axes (counted from the front) that a reduction such as x.mean(dim=(2, 3)) removes."""
    given = argument(node, 1, "dim")
    if given is None:
        return set(range(dimensions))
    return {axis % dimensions for axis in ([given] if isinstance(given, int) else given)}


def spares_channels(index: Any) -> bool:
    """Return whether x[index] takes every channel of a [N, C, ...] tensor, as x[:, :, ::2, ::2] does."""
    whole = slice(None, None, None)
    return isinstance(index, tuple) and len(index) > 2 and index[0] == whole and index[1] == whole


def channel_padding(node: fx.Node, dimensions: int) -> tuple[int, int] | None:
    """Return how many zero channels F.pad puts before and after the channels of its input.

    Args:
        node: a call of torch.nn.functional.pad.
        dimensions: axes of the input.
    Returns:
        (before, after), or None if it pads with something else, or crops.
    """
    amounts: Sequence[Any] = argument(node, 1, "pad", ())
    place = 2 * (dimensions - 2)  # amounts are listed from the last axis to the first
    if len(amounts) <= place:
        return 0, 0
    before, after = amounts[place : place + 2]
    plain = argument(node, 2, "mode", "constant") == "constant" and not argument(node, 3, "value")
    return (before, after) if plain and min(before, after) >= 0 else None
