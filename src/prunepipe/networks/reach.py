"""How far the image reaches: every operation of a forward pass as a sum of non-negative terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from math import prod
from operator import mul
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map_only

from prunepipe.networks.recording import Call, Recording

Names = frozenset[str]


class _Any(torch.autograd.Function):
    """1 where a sum of non-negative terms is positive, else 0; the gradient likewise.

    So no number grows or shrinks with depth: nothing overflows, and no underflow looks like a cut.
    """

    @staticmethod
    def forward(ctx: Any, terms: Tensor) -> Tensor:
        return (terms > 0).to(terms.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return (gradient > 0).to(gradient.dtype)


class Maps:
    """A map of zeros and ones for the memory of each tensor, so that views and in-place changes need no rule.

    Of what depends on the image it says which entries do; of what depends on prunable weights alone, which
    entries may be other than zero. Memory without a map is constant.
    """

    def __init__(self) -> None:
        self._flat: dict[int, Tensor] = {}
        self._of_image: dict[int, bool] = {}

    def known(self, tensor: Any) -> bool:
        """Return whether a tensor depends on the image or on prunable weights."""
        return isinstance(tensor, Tensor) and tensor.numel() > 0 and _memory(tensor) in self._flat

    def of_image(self, tensor: Any) -> bool:
        """Return whether a tensor may depend on the image."""
        return self.known(tensor) and self._of_image[_memory(tensor)]

    def of_weights(self, tensor: Any) -> bool:
        """Return whether a tensor is made of prunable weights, and not of the image."""
        return self.known(tensor) and not self._of_image[_memory(tensor)]

    def read(self, tensor: Tensor) -> Tensor:
        """Return the map of a known tensor, shaped like it."""
        flat = _regrouped(self._flat[_memory(tensor)], _length(tensor))
        return flat.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())

    def reached(self, tensor: Tensor) -> Tensor:
        """Return where a tensor depends on the image."""
        return self.read(tensor) if self.of_image(tensor) else _full(tensor, 0.0)

    def nonzero(self, tensor: Tensor) -> Tensor:
        """Return where a tensor may be other than zero."""
        return self.read(tensor) if self.of_weights(tensor) else _full(tensor, 1.0)

    def write(self, tensor: Tensor, values: Tensor, of_image: bool) -> None:
        """Set the map of a tensor; the rest of its memory keeps what it had."""
        memory, length = _memory(tensor), _length(tensor)
        before = self._flat.get(memory)
        if before is None or self._of_image[memory] < of_image:
            before = torch.full((length,), 0.0 if of_image else 1.0, dtype=torch.float32)
        elif self._of_image[memory] > of_image:
            values, of_image = torch.zeros_like(values), True
        place = (tensor.shape, tensor.stride(), tensor.storage_offset())
        self._flat[memory] = _regrouped(before, length).as_strided_scatter(values.expand(tensor.shape), *place)
        self._of_image[memory] = of_image


def follow(recording: Recording, start: Tensor, kept: Mapping[str, Tensor]) -> Maps:
    """Follow a recorded forward pass from the image to the output.

    Args:
        recording: of a network.
        start: 1 where the image is, float32, shaped like the trial batch.
        kept: per prunable weight 1 where it is kept, float32; gradients flow back to it.
    """
    maps = Maps()
    for name, weight in recording.weights.items():
        maps.write(weight, kept[name], of_image=False)
    maps.write(recording.images, start, of_image=True)
    for call in recording.calls:
        _carry_out(call, maps)
    return maps


def _carry_out(call: Call, maps: Maps) -> None:
    tensors = _tensors((call.args, call.kwargs))
    if not any(map(maps.known, tensors)):
        return
    written = _written(call)
    shared = {_memory(tensor) for tensor in tensors}
    fresh = [tensor for tensor in _tensors(call.result) if _memory(tensor) not in shared]
    targets = [tensor for tensor in (*written, *fresh) if tensor.numel() > 0]
    if not targets:  # a view: it shares its map as it shares its memory
        return
    values, of_image = _rule(call)(call, maps, targets[0])
    values = _Any.apply(values)
    for target in targets:
        fits = target.shape == targets[0].shape
        maps.write(target, values if fits else _Any.apply(values.sum()), of_image)


Rule = Callable[[Call, Maps, Tensor], tuple[Tensor, bool]]
"""Returns the map of a call's (first) result, and whether it depends on the image."""


def _rule(call: Call) -> Rule:
    name = _name(call)
    for names, rule in _RULES:
        if name in names:
            return rule
    tags = {tag for overload in call.function.overloadpacket.overloads()
            for tag in getattr(call.function.overloadpacket, overload).tags}
    if torch.Tag.reduction in call.function.tags:
        return _along
    if torch.Tag.pointwise in call.function.tags:
        return _pointwise
    return _mix


def _mix(call: Call, maps: Maps, result: Tensor) -> tuple[Tensor, bool]:
    """Anything may depend on everything: right for every operation."""
    tensors = _tensors((call.args, call.kwargs))
    images = [maps.read(tensor).sum() for tensor in tensors if maps.of_image(tensor)]
    weights = [1 + maps.read(tensor).sum() for tensor in tensors if maps.of_weights(tensor)]
    terms = _joined(images, weights)
    return terms.expand(result.shape), bool(images)


def _pointwise(call: Call, maps: Maps, result: Tensor) -> tuple[Tensor, bool]:
    """Each entry depends on the entries at its own place; one that is repeated, on the one repeated."""
    tensors = _tensors((call.args, call.kwargs))
    images = [maps.read(tensor).expand(result.shape) for tensor in tensors if maps.of_image(tensor)]
    weights = [1 + maps.read(tensor).expand(result.shape) for tensor in tensors if maps.of_weights(tensor)]
    return _joined(images, weights), bool(images)


def _joined(images: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    """A value is reached where one of those it is made of is, whatever weights it is made of as well."""
    terms = [sum(images[1:], images[0])] if images else []
    return reduce(mul, [*terms, *weights])


def _copied(call: Call, maps: Maps, result: Tensor) -> tuple[Tensor, bool]:
    """The same values, or values that are zero where those were: the last tensor is the source."""
    source = _tensors((call.args, call.kwargs))[-1]
    if maps.of_weights(source):
        return maps.read(source).expand(result.shape), False
    return maps.reached(source).expand(result.shape), True


def _constant(call: Call, maps: Maps, result: Tensor) -> tuple[Tensor, bool]:
    """Of the given tensor only the shape counts."""
    if len(_tensors((call.args, call.kwargs))) > 1:
        return _mix(call, maps, result)
    return _full(result, 0.0), True


def _itself(call: Call, maps: Maps, result: Tensor) -> tuple[Tensor, bool]:
    """An operation that moves, adds or averages its arguments says by itself which reach where."""
    arguments = _bound(call)
    given = {name: value for name, value in arguments.items() if name not in _INDICES}
    picked = _tensors([arguments.get(name) for name in _INDICES])
    if any(map(maps.known, picked)):
        return _mix(call, maps, result)
    of_image = any(map(maps.of_image, _tensors(given)))
    swapped = tree_map_only(Tensor, maps.reached if of_image else maps.nonzero, given)
    swapped |= {name: 0.0 for name in ("value",) if isinstance(arguments.get(name), (int, float))}
    swapped |= {name: arguments[name] for name in _INDICES if name in arguments}
    swapped |= {"dtype": None} if "dtype" in swapped else {}
    function = call.function.overloadpacket
    function = getattr(torch.ops.aten, _name(call))
    keyword = {a.name for a in call.function._schema.arguments if a.kwarg_only}
    args = [value for name, value in swapped.items() if name not in keyword]
    kwargs = {name: value for name, value in swapped.items() if name in keyword}
    return function(*args, **kwargs), of_image


_PRODUCTS: dict[str, tuple[int, Callable[..., Tensor]]] = {
    "mul": (0, torch.mul),
    "div": (0, torch.mul),
    "mm": (0, torch.mm),
    "bmm": (0, torch.bmm),
    "mv": (0, torch.mv),
    "dot": (0, torch.dot),
    "addmm": (1, torch.mm),
    "baddbmm": (1, torch.bmm),
    "addmv": (1, torch.mv),
    "convolution": (0, torch.convolution),
}


def _product(call: Call, maps: Maps, result: Tensor) -> tuple[Tensor, bool]:
    """A sum of products: each factor of the image reaches on where the other may be other than zero."""
    place, function = _PRODUCTS[_name(call)]
    factors = call.args[place : place + 2]
    if not all(isinstance(factor, Tensor) for factor in factors):
        return _copied(call, maps, result)
    addends = _tensors((call.args[:place], call.args[place + 2 :]))
    if function is torch.convolution:
        if maps.known(call.args[2]):
            return _mix(call, maps, result)
        addends, rest = [], (None, *call.args[3:])
    else:
        rest = ()
    reached = [maps.of_image(factor) for factor in factors]
    terms = [
        function(*(maps.read(f) if at == p else maps.nonzero(f) for p, f in enumerate(factors)), *rest)
        for at, is_reached in enumerate(reached)
        if is_reached
    ] or [function(*map(maps.nonzero, factors), *rest)]
    terms += [maps.read(addend).expand(result.shape) for addend in addends if maps.of_image(addend)]
    return sum(terms[1:], terms[0]), any(reached) or any(map(maps.of_image, addends))


def _along(call: Call, maps: Maps, result: Tensor) -> tuple[Tensor, bool]:
    """Each entry depends on all that differ from it along the given axes only."""
    given = _bound(call)
    source = given.get("self", given.get("input"))
    if source is None or [t for t in _tensors(given) if maps.known(t)] != [source]:
        return _mix(call, maps, result)
    axes = given.get("dim")
    axes = list(range(source.dim())) if axes in (None, []) else axes
    return _over(maps.read(source), axes, result), maps.of_image(source)


def _over(values: Tensor, axes: Any, result: Tensor) -> Tensor:
    total = values.sum(axes, keepdim=True)
    return total.expand(result.shape) if total.dim() == result.dim() else total.reshape(result.shape)


def _layer_norm(call: Call, maps: Maps, result: Tensor) -> tuple[Tensor, bool]:
    source, shape, *_ = call.args
    return _over(maps.read(source), list(range(-len(shape), 0)), result), maps.of_image(source)


def _group_norm(call: Call, maps: Maps, result: Tensor) -> tuple[Tensor, bool]:
    given = _bound(call)
    values = maps.read(given["input"])
    grouped = values.reshape(values.shape[0], given["group"], -1)
    return _over(grouped, -1, grouped).reshape(result.shape), maps.of_image(given["input"])


def _batch_norm(call: Call, maps: Maps, result: Tensor) -> tuple[Tensor, bool]:
    source = call.args[0]
    values = maps.read(source)
    if _bound(call).get("training", False):  # InstanceNorm
        values = _over(values, [axis for axis in range(values.dim()) if axis != 1], values)
    return values, maps.of_image(source)


def _by_channel(call: Call, maps: Maps, result: Tensor) -> tuple[Tensor, bool]:
    source, *others = _tensors((call.args, call.kwargs))
    if any(map(maps.known, others)) or source.dim() != result.dim():
        return _mix(call, maps, result)
    return _over(maps.read(source), list(range(2, source.dim())), result), maps.of_image(source)


def _glu(call: Call, maps: Maps, result: Tensor) -> tuple[Tensor, bool]:
    given = _bound(call)
    first, second = maps.read(given["self"]).chunk(2, given["dim"])
    return first + second, maps.of_image(given["self"])


def _max_pool(call: Call, maps: Maps, result: Tensor) -> tuple[Tensor, bool]:
    """The maximum of a window depends on all of it, as its sum does."""
    given = _bound(call)
    source = given["self"]
    axes = len(given["kernel_size"])
    extents = [
        list(value) * (axes // len(value))
        for value in (given["kernel_size"], given["stride"] or given["kernel_size"], given["padding"], given["dilation"])
    ]
    sizes, counts = source.shape[-axes:], result.shape[-axes:]
    pads: list[int] = []
    for size, count, kernel, stride, before, dilation in zip(sizes, counts, *extents, strict=True):
        reach = (count - 1) * stride + (kernel - 1) * dilation + 1  # with ceil_mode farther than the padding
        pads = [before, reach - before - size, *pads]
    kernel, stride, _, dilation = extents
    maps_in = F.pad(maps.read(source).reshape(-1, 1, *sizes), pads)
    ones = torch.ones(1, 1, *kernel, dtype=torch.float32)
    zeros = [0] * axes
    pooled = torch.convolution(maps_in, ones, None, stride, zeros, dilation, False, zeros, 1)
    return pooled.reshape(result.shape), maps.of_image(source)


def _adaptive_max_pool(call: Call, maps: Maps, result: Tensor) -> tuple[Tensor, bool]:
    source, size = call.args
    pool = F.adaptive_avg_pool2d if len(size) == 2 else F.adaptive_avg_pool3d
    return pool(maps.read(source), size), maps.of_image(source)


_INDICES = ("index", "indices")
_RULES: tuple[tuple[Names, Rule], ...] = (
    (frozenset(_PRODUCTS), _product),
    (frozenset({"clone", "_to_copy", "copy", "neg", "abs", "detach", "alias", "lift_fresh"}), _copied),
    (frozenset({
        "empty_like", "zeros_like", "ones_like", "full_like", "rand_like", "randn_like", "randint_like", "new_empty",
        "new_zeros", "new_ones", "new_full", "new_empty_strided", "fill", "zero", "uniform", "normal", "bernoulli",
    }), _constant),
    (frozenset({
        "cat", "stack", "constant_pad_nd", "gather", "index", "index_select", "take", "flip", "roll", "repeat",
        "pixel_shuffle", "pixel_unshuffle", "native_channel_shuffle", "channel_shuffle", "im2col", "col2im",
        "avg_pool2d", "avg_pool3d", "_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "tril", "triu",
        "upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d", "_upsample_nearest_exact1d",
        "_upsample_nearest_exact2d", "_upsample_nearest_exact3d", "upsample_linear1d", "upsample_bilinear2d",
        "upsample_trilinear3d", "_upsample_bilinear2d_aa", "reflection_pad1d", "reflection_pad2d", "reflection_pad3d",
        "replication_pad1d", "replication_pad2d", "replication_pad3d", "slice_scatter", "select_scatter",
        "diagonal_scatter", "index_add", "scatter_add", "cumsum", "sum", "mean", "unfold_backward",
    }), _itself),
    (frozenset({
        "_softmax", "_log_softmax", "_safe_softmax", "cumprod", "cummax", "cummin", "logcumsumexp", "sort", "topk",
        "kthvalue", "median", "mode", "max", "min", "aminmax", "var_mean", "std_mean", "linalg_vector_norm", "prod",
    }), _along),
    (frozenset({"_prelu_kernel", "native_dropout", "hardswish", "log_sigmoid_forward", "rrelu_with_noise", "masked_fill"}), _pointwise),
    (frozenset({"native_layer_norm", "_fused_rms_norm"}), _layer_norm),
    (frozenset({"native_group_norm"}), _group_norm),
    (frozenset({"native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training", "cudnn_batch_norm"}), _batch_norm),
    (frozenset({"upsample_bicubic2d", "_upsample_bicubic2d_aa", "fractional_max_pool2d", "fractional_max_pool3d"}), _by_channel),
    (frozenset({"glu"}), _glu),
    (frozenset({"max_pool2d_with_indices", "max_pool3d_with_indices"}), _max_pool),
    (frozenset({"adaptive_max_pool2d", "adaptive_max_pool3d"}), _adaptive_max_pool),
)  # fmt: skip


def _name(call: Call) -> str:
    """Return the name of a call's function: relu_ and relu.out are relu."""
    return str(call.function.overloadpacket.__name__).removesuffix("_")


def _bound(call: Call) -> dict[str, Any]:
    """Return a call's arguments by name, defaults too."""
    arguments = call.function._schema.arguments
    given = {a.name: a.default_value for a in arguments if a.has_default_value()}
    ordered = {}
    positional = dict(zip([a.name for a in arguments], call.args, strict=False))
    for a in arguments:
        ordered[a.name] = positional.get(a.name, call.kwargs.get(a.name, given.get(a.name)))
    return ordered


def _written(call: Call) -> list[Tensor]:
    given = _bound(call)
    changed = [a.name for a in call.function._schema.arguments if a.alias_info is not None and a.alias_info.is_write]
    return _tensors([given[name] for name in changed])


def _tensors(values: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _length(tensor: Tensor) -> int:
    return tensor.untyped_storage().nbytes() // tensor.element_size()


def _regrouped(flat: Tensor, length: int) -> Tensor:
    """Return a map of memory for elements of another size: a complex number is two real ones."""
    if flat.numel() == length:
        return flat
    if flat.numel() > length:
        return _Any.apply(flat.reshape(length, -1).sum(1))
    return flat.repeat_interleave(length // flat.numel())


def _full(tensor: Tensor, value: float) -> Tensor:
    return torch.full(tensor.shape, value, dtype=torch.float32)
