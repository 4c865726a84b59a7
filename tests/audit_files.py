"""Small files of pruned networks as other people write them: sound ones, and ones with a fault each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils import prune

from prunepipe.networks.resnet import resnet8_small
from prunepipe.networks.vgg import vgg_digits
from prunepipe.pruning.audit.building import NetworkRequest

Tensors = dict[str, Tensor]

VGG = NetworkRequest("prunepipe.networks.vgg:vgg_digits", image_size=8)
RESNET = NetworkRequest("prunepipe.networks.resnet:resnet8_small")
FIRST, LARGE, LAST = "features.0.weight", "features.14.weight", "classifier.weight"
"""Layers of the VGG: its first convolution, the largest one, and the classifier."""


@dataclass(frozen=True)
class Case:
    """A file to audit, with what is said of it."""

    path: Path
    claimed: str | None = None
    request: NetworkRequest | None = None
    before: Path | None = None
    also: frozenset[str] = field(default_factory=frozenset)  # faults that this one brings along


def vgg(seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return vgg_digits(channels=1, classes=10, image_size=8)


def resnet(seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return resnet8_small(channels=3, classes=10, image_size=32)


def prunable(state: Tensors) -> Tensors:
    return {name: value for name, value in state.items() if value.ndim in (2, 4)}


def largest(weight: Tensor, density: float) -> Tensor:
    """Return a mask of the largest weights."""
    kept = max(1, round(weight.numel() * density))
    mask = torch.zeros(weight.numel(), dtype=torch.bool)
    mask[weight.abs().flatten().topk(kept).indices] = True
    return mask.view(weight.shape)


def pruned(network: nn.Module, density: float = 0.1) -> tuple[Tensors, Tensors]:
    """Return the state of a network with zeros, and its masks: the largest weights, the same share of each layer."""
    state = {name: value.detach().clone() for name, value in network.state_dict().items()}
    masks = {name: largest(weight, density) for name, weight in prunable(state).items()}
    return masked(state, masks), masks


def masked(state: Tensors, masks: Tensors) -> Tensors:
    return {name: value * masks[name] if name in masks else value for name, value in state.items()}


def beside(state: Tensors, masks: Tensors) -> Tensors:
    return {**state, **{f"{name}_mask": mask.float() for name, mask in masks.items()}}


def save(folder: Path, held: Any, name: str = "state.pt") -> Path:
    path = folder / name
    if path.suffix == ".safetensors":
        save_file(held, path)
    else:
        torch.save(held, path)
    return path


def torch_pruned(density: float = 0.1) -> Tensors:
    """Return the state dict that torch.nn.utils.prune leaves."""
    network = vgg()
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            prune.l1_unstructured(module, "weight", 1 - density)
    return {name: value.detach() for name, value in network.state_dict().items()}


def two_of_four(weight: Tensor) -> Tensor:
    """Return a mask that keeps 2 of every 4 inputs, as sparse tensor cores read them; else all."""
    if weight.shape[1] % 4:
        return torch.ones(weight.shape, dtype=torch.bool)
    rows = weight.movedim(1, -1)
    groups = rows.reshape(-1, 4)
    chosen = torch.zeros(groups.shape, dtype=torch.bool).scatter(1, groups.abs().topk(2).indices, True)
    return chosen.view(rows.shape).movedim(-1, 1).contiguous()


# Sound files


def sound_torch_prune(folder: Path) -> Case:
    return Case(save(folder, torch_pruned()), "0.9", VGG)


def sound_zeros(folder: Path) -> Case:
    return Case(save(folder, pruned(vgg(), 0.05)[0]), "95%", VGG)


def sound_masks_beside(folder: Path) -> Case:
    return Case(save(folder, beside(*pruned(resnet())), "state.safetensors"), "0.9", RESNET)


def sound_masks_alone(folder: Path) -> Case:
    return Case(save(folder, pruned(resnet())[1], "masks.safetensors"), "0.90", RESNET)


def sound_checkpoint(folder: Path) -> Case:
    state, masks = pruned(vgg())
    wrapped = {f"module.{name}": value for name, value in state.items()}
    held = {
        "epoch": 3,
        "state_dict": wrapped,
        "masks": {f"module.{name}": mask for name, mask in masks.items()},
        "optimizer": {"state": {0: {"step": torch.ones(())}}, "param_groups": [{"lr": 0.1}]},
    }
    return Case(save(folder, held), "0.9", VGG)


def sound_bfloat16(folder: Path) -> Case:
    state = {name: value.bfloat16() for name, value in pruned(vgg())[0].items()}
    return Case(save(folder, state, "state.safetensors"), "0.9", VGG)


def sound_float16(folder: Path) -> Case:
    state, masks = pruned(resnet())
    half = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    return Case(save(folder, beside(half, masks)), "0.9", RESNET)


def sound_two_of_four(folder: Path) -> Case:
    state = vgg().state_dict()
    masks = {name: two_of_four(weight) for name, weight in prunable(state).items()}
    return Case(save(folder, beside(masked(state, masks), masks)), None, VGG)


def sound_dense_ends(folder: Path) -> Case:
    """First and last layer dense and without a mask, as many methods leave them."""
    state, masks = pruned(vgg())
    for name in (FIRST, LAST):
        state[name] = vgg().state_dict()[name]
        del masks[name]
    return Case(save(folder, beside(state, masks)), None, VGG)


def sound_masked_modules(folder: Path) -> Case:
    """Buffers called `mask`, and no network to read them with."""
    state, masks = pruned(vgg())
    buffers = {f"{name.removesuffix('weight')}mask": mask for name, mask in masks.items()}
    return Case(save(folder, {**state, **buffers}), "90 %")


def sound_training(folder: Path) -> Case:
    """Before and after training: other weights, the same masks."""
    state, masks = pruned(vgg())
    before = save(folder, beside(state, masks), "before.pt")
    trained = masked({name: value + 0.1 * value.abs() for name, value in state.items()}, masks)
    return Case(save(folder, beside(trained, masks)), "0.9", VGG, before)


def sound_iterative(folder: Path) -> Case:
    """Two rounds of iterative pruning: weights go and none comes back."""
    before = save(folder, pruned(vgg(), 0.2)[0], "before.pt")
    return Case(save(folder, pruned(vgg(), 0.1)[0]), "0.9", VGG, before)


def sound_attention(folder: Path) -> Case:
    """Attention with its packed projection, a convolution over time and one over volumes, without a network."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        modules = nn.ModuleList([nn.MultiheadAttention(32, 4), nn.Conv1d(4, 8, 3), nn.Conv3d(2, 8, 3)])
    state = {name: value.detach() for name, value in modules.state_dict().items()}
    masks = {name: largest(value, 0.2) for name, value in state.items() if value.ndim > 1}
    return Case(save(folder, masked(state, masks)), "0.8")


def sound_transposed(folder: Path) -> Case:
    """A decoder that keeps few weights of each of its three output channels, and none of most input channels."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = nn.Sequential(nn.Conv2d(3, 64, 3), nn.ConvTranspose2d(64, 3, 3)).state_dict()
    masks = {name: largest(weight, 0.5) for name, weight in prunable(state).items()}
    masks["1.weight"].zero_()
    masks["1.weight"][:2] = True
    return Case(save(folder, masked(state, masks)))


SOUND: tuple[Callable[[Path], Case], ...] = (
    sound_torch_prune,
    sound_zeros,
    sound_masks_beside,
    sound_masks_alone,
    sound_checkpoint,
    sound_bfloat16,
    sound_float16,
    sound_two_of_four,
    sound_dense_ends,
    sound_masked_modules,
    sound_training,
    sound_iterative,
    sound_attention,
    sound_transposed,
)


# Faults, by the kind that must be found


def claimed_ratio(folder: Path) -> Case:
    """Said to be pruned, and 98 % dense."""
    return Case(save(folder, pruned(vgg(), 0.98)[0]), "0.95", VGG)


def nothing_pruned(folder: Path) -> Case:
    return Case(save(folder, vgg().state_dict()))


def mask_violated(folder: Path) -> Case:
    """Momentum goes on in pruned weights."""
    state, masks = pruned(vgg())
    state[LARGE] = state[LARGE] + 1e-4 * ~masks[LARGE]
    return Case(save(folder, beside(state, masks)), "0.9", VGG)


def mask_inverted(folder: Path) -> Case:
    state, masks = pruned(vgg())
    return Case(save(folder, beside(state, {name: ~mask for name, mask in masks.items()})))


def kept_zeros(folder: Path) -> Case:
    """The masks of an earlier round beside the weights of a later one."""
    _, masks = pruned(vgg(), 0.2)
    return Case(save(folder, beside(pruned(vgg(), 0.1)[0], masks)), "0.8", VGG)


def mask_lost(folder: Path) -> Case:
    """weight_orig was saved, its mask was not."""
    state = torch_pruned()
    del state[f"{LARGE}_mask"]
    return Case(save(folder, state))


def mask_not_binary(folder: Path) -> Case:
    """Scores under the name of masks."""
    state, masks = pruned(vgg())
    scores = {
        name: mask * torch.linspace(0.1, 0.9, mask.numel()).view(mask.shape) for name, mask in masks.items()
    }
    return Case(
        save(folder, {**state, **{f"{name}_mask": value for name, value in scores.items()}}), "0.9", VGG
    )


def not_finite(folder: Path) -> Case:
    state, masks = pruned(vgg())
    state[LARGE][masks[LARGE]] = float("nan")
    return Case(save(folder, beside(state, masks)), "0.9", VGG)


def empty_layer(folder: Path) -> Case:
    """All shortcuts empty: the paths of the other branch hide it."""
    state, masks = pruned(resnet())
    for name, mask in masks.items():
        if "downsample" in name:
            mask.zero_()
    return Case(save(folder, masked(state, masks)), None, RESNET)


def nearly_empty_layer(folder: Path) -> Case:
    state, masks = pruned(vgg())
    masks[LARGE].view(-1)[masks[LARGE].flatten().nonzero()[4:]] = False
    return Case(save(folder, masked(state, masks)), None, None)


def layer_collapse(folder: Path) -> Case:
    """No layer is empty, and yet nothing passes: one layer reads only what the layer before leaves constant."""
    state, masks = pruned(vgg(), 0.5)
    first, second = list(masks)[1:3]
    masks[first][:16] = False
    masks[second][:, 16:] = False
    return Case(save(folder, masked(state, masks)), None, VGG)


def unreachable_class(folder: Path) -> Case:
    state, masks = pruned(vgg())
    masks[LAST][3] = False
    return Case(save(folder, masked(state, masks)), None, VGG)


def dead_weights(folder: Path) -> Case:
    """All but two channels of the largest layer are read by no one."""
    state, masks = pruned(vgg(), 0.3)
    masks[LAST][:, 2:] = False
    masks[LAST][:, :2] = True
    state[LAST] = vgg().state_dict()[LAST]
    return Case(save(folder, masked(state, masks)), None, VGG)


def broken_pattern(folder: Path) -> Case:
    """2:4 but for one group."""
    state = vgg().state_dict()
    masks = {name: two_of_four(weight) for name, weight in prunable(state).items()}
    masks[LARGE][0, :4, 0, 0] = torch.tensor([True, True, True, False])
    return Case(save(folder, masks, "masks.safetensors"), None, VGG)


def revived(folder: Path) -> Case:
    """Sparser before training than after it."""
    before = save(folder, pruned(vgg())[0], "before.safetensors")
    return Case(save(folder, pruned(vgg(), 0.12)[0], "after.safetensors"), None, VGG, before)


def lost_in_training(folder: Path) -> Case:
    """One layer is dense after training."""
    state, _ = pruned(vgg())
    before = save(folder, state, "before.pt")
    return Case(save(folder, {**state, FIRST: vgg().state_dict()[FIRST]}), None, VGG, before)


def empty_keys(folder: Path) -> Case:
    """A packed attention projection whose keys are all pruned, so that attention looks at nothing."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = {f"block.{name}": value for name, value in nn.MultiheadAttention(32, 4).state_dict().items()}
    masks = {name: largest(weight, 0.5) for name, weight in prunable(state).items()}
    masks["block.in_proj_weight"][32:64] = False
    return Case(save(folder, beside(masked(state, masks), masks)))


def empty_transposed_output(folder: Path) -> Case:
    """A decoder whose last layer keeps the weights of one image channel out of three hundred."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ConvTranspose2d(8, 300, 3)).state_dict()
    masks = {name: largest(weight, 0.5) for name, weight in prunable(state).items()}
    masks["1.weight"][:, 1:] = False
    masks["1.weight"][2:] = False
    return Case(save(folder, masked(state, masks)))


FAULTS: dict[Callable[[Path], Case], str] = {
    claimed_ratio: "claimed_ratio",
    nothing_pruned: "nothing_pruned",
    mask_violated: "mask_violated",
    mask_inverted: "mask_inverted",
    kept_zeros: "kept_zeros",
    mask_lost: "mask_lost",
    mask_not_binary: "mask_not_binary",
    not_finite: "not_finite",
    empty_layer: "empty_layer",
    nearly_empty_layer: "nearly_empty_layer",
    layer_collapse: "layer_collapse",
    unreachable_class: "unreachable_class",
    dead_weights: "dead_weights",
    broken_pattern: "broken_pattern",
    revived: "revived",
    lost_in_training: "mask_lost",
    empty_keys: "empty_layer",
    empty_transposed_output: "nearly_empty_layer",
}
"""Makers of faulty files, each with the kind of the alarm that is raised, and no other is."""
