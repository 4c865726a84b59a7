"""Sums of squared gradients, each image by itself: what a diagonal curvature is made of.

The gradient of an image along a vector v over its logits is d(v . logits)/dw. Two ways give the same sums over images
and vectors. The fast one runs whole batches backward, once a vector: a Conv2d or Linear module that sees one image a
row gives every image's gradient from its input and the slope of its output. The slow one differentiates image by image
and is always right. The first images go both ways; where they differ, all go the slow one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from prunepipe.pruning.scores.contract import Batch, Batches, Scores, each_batch

Vectors = Callable[[Tensor, Tensor], Tensor]
"""(logits [B, K], labels [B]) -> vectors [V, B, K]; the logits have no graph."""
Weights = dict[str, nn.Parameter]
Calls = list[tuple[Tensor, Tensor]]
"""The (input, output) pairs of every call of a module in one forward pass."""

IMAGES = 32
"""Images that run through the network at once: all their activations are held."""
SLOPE_BYTES = 2**29
"""Slopes of outputs that are held at once; where they need more, the vectors take turns."""
PRODUCT = {"cpu": 2**18}
"""Numbers that a product of one layer holds at once: on a CPU what its cache holds."""
LARGE_PRODUCT = 2**26
SQUARING = 16
"""To square and add up a number of a product takes as long as this many multiplications inside the product."""

TRIAL_IMAGES = 4
AGREEMENT = {torch.float64: 1e-8, torch.float32: 1e-3}
"""How far the two ways may differ, as a share of a layer's largest sum: by rounding, and no more."""


def mean_squared_gradients(
    network: nn.Module, weights: Weights, batches: Batches, vectors: Vectors
) -> Scores:
    """Return the mean over images of the sum over vectors of the squared gradient of every weight.

    Args:
        network: in eval mode, all of one floating type.
        weights: its prunable weights by name.
        batches: images [B, C, H, W] and labels [B]; how images are batched does not matter.
        vectors: told the logits and the labels of a few images at a time, every image once, in order.
    Returns:
        One float64 tensor per weight, shaped like it.
    Raises:
        ScoreError: there is no batch.
    """
    sums = _zeros(weights)
    seen, by_layer = 0, True
    for images, labels in _parts(batches):
        if not seen:
            by_layer = _ways_agree(network, weights, images[:TRIAL_IMAGES])
        # Layers may stop to see one image a row at any batch, for example where tokens and images change places.
        by_layer = by_layer and _add_by_layer(sums, network, weights, (images, labels), vectors)
        if not by_layer:
            _add_by_image(sums, network, weights, (images, labels), vectors)
        seen += len(images)
    return {name: total / seen for name, total in sums.items()}


def _zeros(weights: Weights) -> Scores:
    return {name: torch.zeros_like(weight, dtype=torch.float64) for name, weight in weights.items()}


def _parts(batches: Batches) -> Iterator[Batch]:
    for images, labels in each_batch(batches):
        yield from zip(torch.split(images, IMAGES), torch.split(labels, IMAGES), strict=True)


def _ways_agree(network: nn.Module, weights: Weights, images: Tensor) -> bool:
    """Try both ways along one random vector an image, which is not small where the network fits its data."""
    places = torch.arange(len(images), device=images.device)
    classes = network(images[:1]).shape[1]
    drawn = torch.randn(1, len(images), classes, generator=torch.Generator().manual_seed(0))
    noise = drawn.to(next(iter(weights.values())))
    batch = images, places

    def along(logits: Tensor, places: Tensor) -> Tensor:
        return noise[:, places]

    fast, slow = _zeros(weights), _zeros(weights)
    _add_by_image(slow, network, weights, batch, along)
    try:
        possible = _add_by_layer(fast, network, weights, batch, along)
    except Exception:  # a layer with a forward of its own may have inputs and outputs of any kind
        return False
    return possible and all(_close(fast[name], slow[name], weights[name].dtype) for name in weights)


def _close(fast: Tensor, slow: Tensor, dtype: torch.dtype) -> bool:
    return bool((fast - slow).abs().max() <= AGREEMENT.get(dtype, 0.1) * slow.max())


def _add_by_image(sums: Scores, network: nn.Module, weights: Weights, batch: Batch, vectors: Vectors) -> None:
    for image, label in zip(*(torch.split(part, 1) for part in batch), strict=True):
        logits = network(image)
        for vector in vectors(logits.detach(), label):
            slopes = torch.autograd.grad(
                logits, list(weights.values()), vector, retain_graph=True, materialize_grads=True
            )
            for name, slope in zip(weights, slopes, strict=True):
                sums[name] += slope.square()


def _add_by_layer(sums: Scores, network: nn.Module, weights: Weights, batch: Batch, vectors: Vectors) -> bool:
    """Add to the sums, or return False, with nothing done, where a layer does not see one image a row."""
    images, labels = batch
    modules = {name: network.get_submodule(name.rpartition(".")[0]) for name in weights}
    logits, calls = _run(network, modules.values(), images)
    outputs = [output for module in modules.values() for _, output in calls[module]]
    if not outputs or any(len(seen) != len(images) for part in calls.values() for seen, _ in part):
        return False
    at_once = max(1, SLOPE_BYTES // sum(output.nbytes for output in outputs))
    for some in torch.split(vectors(logits.detach(), labels), at_once):
        each = [
            torch.autograd.grad(logits, outputs, vector, retain_graph=True, materialize_grads=True)
            for vector in some
        ]
        slopes = iter(zip(*each, strict=True))  # by call, one a vector
        for name, module in modules.items():
            if calls[module]:  # or the forward pass does not use the layer, and its gradient is zero
                sums[name] += _layer_sum(module, calls[module], slopes).view_as(sums[name])
    return True


def _run(
    network: nn.Module, modules: Iterable[nn.Module], images: Tensor
) -> tuple[Tensor, dict[nn.Module, Calls]]:
    calls: dict[nn.Module, Calls] = defaultdict(list)

    def record(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        calls[module].append((inputs[0].detach(), output))
        # A later in-place ReLU must not overwrite what was recorded, or its gradient would be another one.
        return output.clone()

    hooks = [module.register_forward_hook(record) for module in modules]
    try:
        return network(images), calls
    finally:
        for hook in hooks:
            hook.remove()


def _layer_sum(module: nn.Module, calls: Calls, slopes: Iterator[tuple[Tensor, ...]]) -> Tensor:
    # A weight that is used at several places, or in several calls, sums over all of them before squaring.
    inputs = torch.cat([_inputs(module, seen) for seen, _ in calls], dim=-1)
    outputs = torch.cat([_slopes(module, torch.stack(next(slopes), 1)) for _ in calls], dim=-1)
    places, vectors = inputs.shape[-1], outputs.shape[1]
    pairs = places * (places + 1) // 2
    return (_by_pairs if pairs < vectors * (places + SQUARING) else _by_product)(inputs, outputs)


def _inputs(module: nn.Module, seen: Tensor) -> Tensor:
    """Return what each output place reads: [B, groups, C, places]."""
    if not isinstance(module, nn.Conv2d):
        return seen.reshape(len(seen), -1, seen.shape[-1]).mT.unsqueeze(1)
    mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
    padded = functional.pad(seen, module._reversed_padding_repeated_twice, mode=mode)
    patches = functional.unfold(padded, module.kernel_size, module.dilation, 0, module.stride)
    return patches.reshape(len(seen), module.groups, -1, patches.shape[-1])


def _slopes(module: nn.Module, slope: Tensor) -> Tensor:
    """Return the slopes of outputs [B, V, ...] as [B, V, groups, O, places]."""
    batch, vectors = slope.shape[:2]
    if isinstance(module, nn.Conv2d):
        return slope.reshape(batch, vectors, module.groups, module.out_channels // module.groups, -1)
    return slope.reshape(batch, vectors, -1, slope.shape[-1]).mT.unsqueeze(2)


def _by_product(inputs: Tensor, slopes: Tensor) -> Tensor:
    """Sum (slopes @ inputs)^2 over images and vectors: [B, G, C, L] and [B, V, G, O, L] -> [G, O, C]."""
    _, vectors, groups, rows, _ = slopes.shape
    columns = inputs.shape[2]
    size = groups * rows * columns
    most = PRODUCT.get(inputs.device.type, LARGE_PRODUCT)
    some_images, some_vectors = max(1, most // (size * vectors)), max(1, most // size)
    result = inputs.new_zeros(groups, rows, columns)
    for seen, slope in zip(torch.split(inputs, some_images), torch.split(slopes, some_images), strict=True):
        for part in torch.split(slope.transpose(1, 2), some_vectors, 2):  # [B, G, V, O, L]
            product = (part.flatten(2, 3) @ seen.mT).view(*part.shape[:4], columns)
            result += product.square_().sum((0, 2))
    return result


def _by_pairs(inputs: Tensor, slopes: Tensor) -> Tensor:
    """Return what `_by_product` does, from products over pairs of places, which sum over vectors beforehand.

    (sum_l s_l x_l)^2 = sum_{l, m} (s_l s_m) (x_l x_m): few places make few pairs, and no product is squared.
    """
    places = inputs.shape[-1]
    first, second = torch.triu_indices(places, places, device=inputs.device)
    times = torch.where(first == second, 1.0, 2.0).to(inputs)
    by_place = slopes.permute(0, 2, 3, 4, 1)  # [B, G, O, L, V]
    slope_pairs = (by_place @ by_place.mT)[..., first, second] * times
    input_pairs = inputs[..., first] * inputs[..., second]
    # What is a sum of squares in exact arithmetic may round to just below zero.
    return torch.einsum("bgot,bgct->goc", slope_pairs, input_pairs).clamp_(min=0)
