"""Sum squared per-image gradients, from which the diagonal of a curvature matrix is made.

The gradient of an image along a vector v over its logits is d(v . logits)/dw. Two methods give equal sums over images
and vectors. The fast method runs whole batches backward, once per vector: for a Conv2d or Linear module that sees one
image per row, every image's gradient follows from the module's input and the gradient of its output. The slow method
differentiates image by image and is correct for every layer. Both run on the first images; if they differ, the slow
method runs on all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from prunepipe.pruning.scores.contract import Batch, Batches, Scores, each_batch

Vectors = Callable[[Tensor, Tensor], Tensor]
"""(logits [B, K], labels [B]) -> vectors [V, B, K]; the logits are detached."""
Weights = dict[str, nn.Parameter]
Calls = list[tuple[Tensor, Tensor]]
"""The (input, output) pairs of every call of a module in one forward pass."""

IMAGES = 32
"""Images per forward pass; all their activations are held in memory."""
SLOPE_BYTES = 2**29
"""Number of output gradients held in memory at once; if there are more, the vectors are processed in parts."""
PRODUCT = {"cpu": 2**18}
"""Numbers that a product of one layer holds at once, so that on a CPU they fit into its cache."""
LARGE_PRODUCT = 2**26
SQUARING = 16
"""Squaring and adding one entry of a product takes as long as this many multiplications within the product."""

TRIAL_IMAGES = 4
AGREEMENT = {torch.float64: 1e-8, torch.float32: 1e-3}
"""Tolerance between the two methods, as a share of a layer's largest sum; it allows for rounding only."""


def mean_squared_gradients(
    network: nn.Module, weights: Weights, batches: Batches, vectors: Vectors
) -> Scores:
    """Return, for every weight, the squared gradient summed over vectors and averaged over images.

    Args:
        network: in eval mode, in one floating type.
        weights: its prunable weights by name.
        batches: images [B, C, H, W] and labels [B]; the result does not depend on the batching.
        vectors: called with the logits and labels of a few images at a time, every image once, in order.
    Returns:
        One float64 tensor per weight, shaped like it.
    Raises:
        ScoreError: there is no batch.
    """
    sums = _zeros(weights)
    seen, by_layer = 0, True
    for images, labels in _parts(batches):
        if not seen:
            by_layer = _methods_agree(network, weights, images[:TRIAL_IMAGES])
        # Any batch may break the one-image-per-row rule, for example if a layer swaps tokens and images.
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


def _methods_agree(network: nn.Module, weights: Weights, images: Tensor) -> bool:
    """Compare both methods along one random vector per image, which does not vanish where the network fits its data."""
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
    except Exception:  # a layer with a custom forward pass may have inputs and outputs of any kind
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
    """Add to the sums; if a layer does not see one image per row, add nothing and return False."""
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
        slopes = iter(zip(*each, strict=True))  # by call, one per vector
        for name, module in modules.items():
            if calls[module]:  # otherwise the forward pass does not use the layer, and its gradient is zero
                sums[name] += _layer_sum(module, calls[module], slopes).view_as(sums[name])
    return True


def _run(
    network: nn.Module, modules: Iterable[nn.Module], images: Tensor
) -> tuple[Tensor, dict[nn.Module, Calls]]:
    calls: dict[nn.Module, Calls] = defaultdict(list)

    def record(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        calls[module].append((inputs[0].detach(), output))
        # A later in-place ReLU must not overwrite the recorded tensors, or their gradients would be wrong.
        return output.clone()

    hooks = [module.register_forward_hook(record) for module in modules]
    try:
        return network(images), calls
    finally:
        for hook in hooks:
            hook.remove()


def _layer_sum(module: nn.Module, calls: Calls, slopes: Iterator[tuple[Tensor, ...]]) -> Tensor:
    # The gradient of a weight used at several positions or in several calls is summed before squaring.
    inputs = torch.cat([_inputs(module, seen) for seen, _ in calls], dim=-1)
    outputs = torch.cat([_slopes(module, torch.stack(next(slopes), 1)) for _ in calls], dim=-1)
    places, vectors = inputs.shape[-1], outputs.shape[1]
    pairs = places * (places + 1) // 2
    return (_by_pairs if pairs < vectors * (places + SQUARING) else _by_product)(inputs, outputs)


def _inputs(module: nn.Module, seen: Tensor) -> Tensor:
    """Return the inputs that each output position reads: [B, groups, C, positions]."""
    if not isinstance(module, nn.Conv2d):
        return seen.reshape(len(seen), -1, seen.shape[-1]).mT.unsqueeze(1)
    mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
    padded = functional.pad(seen, module._reversed_padding_repeated_twice, mode=mode)
    patches = functional.unfold(padded, module.kernel_size, module.dilation, 0, module.stride)
    return patches.reshape(len(seen), module.groups, -1, patches.shape[-1])


def _slopes(module: nn.Module, slope: Tensor) -> Tensor:
    """Return the gradients of outputs [B, V, ...] as [B, V, groups, O, positions]."""
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
    """Compute the same as `_by_product` from products over pairs of positions, which are summed over vectors first.

    (sum_l s_l x_l)^2 = sum_{l, m} (s_l s_m) (x_l x_m): few positions make few pairs, and no product is squared.
    """
    places = inputs.shape[-1]
    first, second = torch.triu_indices(places, places, device=inputs.device)
    times = torch.where(first == second, 1.0, 2.0).to(inputs)
    by_place = slopes.permute(0, 2, 3, 4, 1)  # [B, G, O, L, V]
    slope_pairs = (by_place @ by_place.mT)[..., first, second] * times
    input_pairs = inputs[..., first] * inputs[..., second]
    # A sum of squares may round to slightly below zero.
    return torch.einsum("bgot,bgct->goc", slope_pairs, input_pairs).clamp_(min=0)
