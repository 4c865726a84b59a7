"""Rules that say, for every operation of torch, which entries of its result depend on which entries of its inputs.

A rule computes the map of a call's (first) result as a sum of non-negative terms, so that autograd can follow it back,
and says whether the result depends on the image. An operation that is not in the table at the end gets the rule of its
tag in torch, or `mix`, which is safe for every operation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import mul
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._pytree import tree_map_only

from prunepipe.networks.reach import Maps, indicator
from prunepipe.networks.recording import Call, tensors_of

Reach = tuple[Tensor, bool]
Rule = Callable[[Call, Maps, Tensor], Reach]

WHOLE = 0.5
"""A sum of zeros and ones above this is at least 1: fast convolutions round, but by far less."""


def rule_of(call: Call) -> Rule:
    """Return the rule for a call; a rule takes the call, the maps and the call's result."""
    if call.name in _RULES:
        return _RULES[call.name]
    if torch.Tag.reduction in call.function.tags:
        return along
    return pointwise if torch.Tag.pointwise in call.function.tags else mix


def mix(call: Call, maps: Maps, result: Tensor) -> Reach:
    """Let every entry depend on every entry."""
    terms = {tensor: maps.read(tensor).sum() for tensor in call.given if maps.known(tensor)}
    return _joined(terms, maps, result)


def pointwise(call: Call, maps: Maps, result: Tensor) -> Reach:
    """Let each entry depend on the entries at its own place, after broadcasting."""
    terms = {tensor: maps.read(tensor) for tensor in call.given if maps.known(tensor)}
    return _joined(terms, maps, result)


def _joined(terms: dict[Tensor, Tensor], maps: Maps, result: Tensor) -> Reach:
    """Combine maps of several inputs: an entry depends on the image if it does in any input, whatever the weights."""
    images = [term.expand(result.shape) for tensor, term in terms.items() if maps.of_image(tensor)]
    weights = [1 + term.expand(result.shape) for tensor, term in terms.items() if maps.of_weights(tensor)]
    return reduce(mul, [*([_sum(images)] if images else []), *weights]), bool(images)


def copied(call: Call, maps: Maps, result: Tensor) -> Reach:
    """Copy the map of the last input, for results that are zero wherever that input is."""
    source = call.given[-1]
    of_weights = maps.of_weights(source)
    values = maps.read(source) if of_weights else maps.reached(source)
    return values.expand(result.shape), not of_weights


def constant(call: Call, maps: Maps, result: Tensor) -> Reach:
    """Let nothing depend on the first input, of which only the shape matters."""
    if any(map(maps.known, call.given[1:])):
        return copied(call, maps, result) if call.name == "fill" else mix(call, maps, result)
    return torch.zeros(result.shape), True


def itself(call: Call, maps: Maps, result: Tensor) -> Reach:
    """Apply the operation to the map itself, for operations that move, add or average values."""
    arguments = call.arguments
    picks = {name: value for name, value in arguments.items() if name in ("index", "indices")}
    if any(map(maps.known, tensors_of(picks))):
        return mix(call, maps, result)
    of_image = any(map(maps.of_image, call.given))
    plain = {"dtype": None, "value": 0.0} if of_image else {"dtype": None}  # a border is a constant
    mapped = tree_map_only(Tensor, maps.reached if of_image else maps.nonzero, arguments)
    mapped |= picks | {name: value for name, value in plain.items() if name in arguments}
    keywords = {argument.name for argument in call.function._schema.arguments if argument.kwarg_only}
    positional = [value for name, value in mapped.items() if name not in keywords]
    function = getattr(torch.ops.aten, call.name)
    return function(*positional, **{name: mapped[name] for name in keywords & set(mapped)}), of_image


def product(call: Call, maps: Maps, result: Tensor) -> Reach:
    """Follow a sum of products of two factors, with an addend in front of them for some operations."""
    place, multiply = _PRODUCTS[call.name]
    factors = call.args[place : place + 2]
    if not all(isinstance(factor, Tensor) for factor in factors):  # times a number
        return copied(call, maps, result)
    values, of_image = _multiplied(factors, multiply, maps)
    addends = [addend for addend in tensors_of(call.args[:place]) if maps.of_image(addend)]
    values = _sum([values, *(maps.read(addend).expand(result.shape) for addend in addends)])
    return values, of_image or bool(addends)


def convolution(call: Call, maps: Maps, result: Tensor) -> Reach:
    """Follow a convolution; its bias starts no path."""
    source, kernel, bias, *rest = call.args
    if bias is not None and maps.known(bias):
        return mix(call, maps, result)
    return _multiplied((source, kernel), lambda x, w: torch.convolution(x, w, None, *rest), maps)


def _multiplied(factors: Sequence[Tensor], multiply: Callable[..., Tensor], maps: Maps) -> Reach:
    """Let the result depend on a factor wherever the other factor may be other than zero."""
    first, second = factors
    pairs = []
    if maps.of_image(first):
        pairs.append((maps.read(first), maps.nonzero(second)))
    if maps.of_image(second):
        pairs.append((maps.nonzero(first), maps.read(second)))
    of_image = bool(pairs)
    pairs = pairs or [(maps.nonzero(first), maps.nonzero(second))]
    terms = [
        indicator(multiply(indicator(left, WHOLE), indicator(right, WHOLE)), WHOLE) for left, right in pairs
    ]
    return _sum(terms), of_image


def along(call: Call, maps: Maps, result: Tensor) -> Reach:
    """Let each entry depend on all entries along the given axes: reductions, softmax, sorting."""
    source, axes = call.given[0], call.arguments.get("dim")
    if any(map(maps.known, call.given[1:])):
        return mix(call, maps, result)
    axes = range(source.dim()) if axes is None or axes == [] else axes
    return _over(maps.read(source), axes, result), maps.of_image(source)


def layer_norm(call: Call, maps: Maps, result: Tensor) -> Reach:
    """Let each entry depend on all entries along the normalised axes."""
    source, normalised = call.args[:2]
    return _over(maps.read(source), range(-len(normalised), 0), result), maps.of_image(source)


def group_norm(call: Call, maps: Maps, result: Tensor) -> Reach:
    """Let each entry depend on its whole group of channels."""
    source, groups = call.arguments["input"], call.arguments["group"]
    grouped = maps.read(source).reshape(source.shape[0], groups, -1)
    return _over(grouped, [2], grouped).reshape(result.shape), maps.of_image(source)


def batch_norm(call: Call, maps: Maps, result: Tensor) -> Reach:
    """Let each entry depend on itself (running statistics), or on its whole channel (statistics of the input)."""
    source = call.args[0]
    values = maps.read(source)
    if call.arguments.get("training"):
        values = _over(values, [axis for axis in range(source.dim()) if axis != 1], values)
    return values, maps.of_image(source)


def by_channel(call: Call, maps: Maps, result: Tensor) -> Reach:
    """Let each entry depend on every position of its channel."""
    source, *others = call.given
    if any(map(maps.known, others)) or source.dim() != result.dim():
        return mix(call, maps, result)
    return _over(maps.read(source), range(2, source.dim()), result), maps.of_image(source)


def glu(call: Call, maps: Maps, result: Tensor) -> Reach:
    """Let each entry depend on its value and on its gate, which are two halves of the channels."""
    source = call.given[0]
    return _sum(list(maps.read(source).chunk(2, call.arguments["dim"]))), maps.of_image(source)


def max_pool(call: Call, maps: Maps, result: Tensor) -> Reach:
    """Let each maximum depend on its whole window, as a sum would."""
    source, kernel = call.arguments["self"], call.arguments["kernel_size"]
    axes = len(kernel)
    named = [call.arguments[name] for name in ("stride", "padding", "dilation")]
    stride, padding, dilation = [list(value or kernel) * (axes // len(value or kernel)) for value in named]
    borders: list[int] = []
    for axis in range(axes):
        size, count = source.shape[axis - axes], result.shape[axis - axes]
        end = (count - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1
        borders = [padding[axis], end - size - padding[axis], *borders]  # with ceil_mode more at the end
    windows = F.pad(maps.read(source).reshape(-1, 1, *source.shape[-axes:]), borders)
    ones, zeros = torch.ones(1, 1, *kernel), [0] * axes
    sums = torch.convolution(windows, ones, None, stride, zeros, dilation, False, zeros, 1)
    return sums.reshape(result.shape), maps.of_image(source)


def adaptive_max_pool(call: Call, maps: Maps, result: Tensor) -> Reach:
    """Let each maximum depend on its whole window, as an average would."""
    source, size = call.args
    pool = F.adaptive_avg_pool2d if len(size) == 2 else F.adaptive_avg_pool3d
    return pool(maps.read(source), size), maps.of_image(source)


def _sum(terms: Sequence[Tensor]) -> Tensor:
    return sum(terms[1:], terms[0])


def _over(values: Tensor, axes: Any, result: Tensor) -> Tensor:
    """Return the sum along some axes, at every place of the result."""
    total = values.sum(axes if isinstance(axes, int) else tuple(axes), keepdim=True)
    return total.expand(result.shape) if total.dim() == result.dim() else total.reshape(result.shape)


_PRODUCTS: dict[str, tuple[int, Callable[..., Tensor]]] = {
    "mul": (0, torch.mul),
    "div": (0, torch.mul),
    "mm": (0, torch.mm),
    "bmm": (0, torch.bmm),
    "mv": (0, torch.mv),
    "dot": (0, torch.dot),
    "addmm": (1, torch.mm),
    "addmv": (1, torch.mv),
    "baddbmm": (1, torch.bmm),
}
"""Position of the first factor among the arguments, and the function that multiplies two maps."""

# fmt: off
_TABLE: tuple[tuple[Rule, frozenset[str]], ...] = (
    (product, frozenset(_PRODUCTS)),
    (convolution, frozenset({"convolution"})),
    (copied, frozenset({"clone", "_to_copy", "copy", "neg", "abs"})),
    (constant, frozenset({
        "empty_like", "zeros_like", "ones_like", "full_like", "rand_like", "randn_like", "randint_like", "new_empty",
        "new_zeros", "new_ones", "new_full", "new_empty_strided", "fill", "zero", "uniform", "normal", "bernoulli",
    })),
    (itself, frozenset({
        "cat", "stack", "constant_pad_nd", "reflection_pad1d", "reflection_pad2d", "reflection_pad3d",
        "replication_pad1d", "replication_pad2d", "replication_pad3d", "gather", "index", "index_select", "take",
        "flip", "roll", "repeat", "pixel_shuffle", "pixel_unshuffle", "native_channel_shuffle", "im2col", "col2im",
        "tril", "triu", "slice_scatter", "select_scatter", "diagonal_scatter", "index_put", "index_add", "scatter",
        "scatter_add", "sum", "mean", "cumsum", "avg_pool2d", "avg_pool3d", "_adaptive_avg_pool2d",
        "_adaptive_avg_pool3d", "upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d",
        "_upsample_nearest_exact1d", "_upsample_nearest_exact2d", "_upsample_nearest_exact3d", "upsample_linear1d",
        "upsample_bilinear2d", "upsample_trilinear3d", "_upsample_bilinear2d_aa", "embedding",
    })),
    (along, frozenset({
        "_softmax", "_log_softmax", "_safe_softmax", "cumprod", "cummax", "cummin", "logcumsumexp", "sort", "topk",
        "kthvalue", "median", "mode", "max", "min", "aminmax", "var_mean", "std_mean", "linalg_vector_norm", "prod",
    })),
    (pointwise, frozenset({
        "_prelu_kernel", "native_dropout", "hardswish", "log_sigmoid_forward", "rrelu_with_noise", "masked_fill",
    })),
    (layer_norm, frozenset({"native_layer_norm", "_fused_rms_norm"})),
    (group_norm, frozenset({"native_group_norm"})),
    (batch_norm, frozenset({
        "native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training",
    })),
    (by_channel, frozenset({
        "upsample_bicubic2d", "_upsample_bicubic2d_aa", "fractional_max_pool2d", "fractional_max_pool3d",
    })),
    (glu, frozenset({"glu"})),
    (max_pool, frozenset({"max_pool2d_with_indices", "max_pool3d_with_indices"})),
    (adaptive_max_pool, frozenset({"adaptive_max_pool2d", "adaptive_max_pool3d"})),
)
# fmt: on
_RULES: dict[str, Rule] = {name: rule for rule, names in _TABLE for name in names}
