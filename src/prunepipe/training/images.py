"""Images on the device: stored as uint8; cropped, flipped and normalised batch by batch."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from prunepipe.errors import ConfigError
from prunepipe.study.recipe import Augmentation

WIDE = (torch.int64, torch.int32, torch.int16, torch.uint8)


@dataclass(frozen=True)
class Draws:
    """The random choices of one epoch, one per image, in training order.

    Attributes:
        order: int64 [N], positions of the images.
        rows, columns: int64 [N], offset of the crop window in the padded image.
        flips: bool [N], whether to mirror the image.
        holes: float64 [2, N], centre of the cut-out square as a share of height and width; None: no square.
        shares: float64 [N], share that the image keeps when it is mixed with another; None: no mixing.
        patches: float64 [2, N], centre of the rectangle of the other image, as for holes; None: average whole images.
    """

    order: Tensor
    rows: Tensor
    columns: Tensor
    flips: Tensor
    holes: Tensor | None = None
    shares: Tensor | None = None
    patches: Tensor | None = None


def draw_epoch(
    count: int, augmentation: Augmentation, generator: torch.Generator, *, shuffle: bool = True
) -> Draws:
    """Draw the order of one epoch, and crops, flips, cut-out squares and mixing shares for every image.

    Args:
        count: images in the training set.
        augmentation: what varies.
        generator: a CPU generator for this epoch only.
        shuffle: False keeps the images in file order (the reference's `first_half`).

    Returns:
        Draws on the CPU.
    """
    order = torch.randperm(count, generator=generator)
    windows = 2 * augmentation.crop_padding + 1
    offsets = torch.randint(windows, (2, count), generator=generator)
    flips = torch.rand(count, generator=generator) < (0.5 if augmentation.flip else 0.0)
    # Each draw comes after those of older keys, so that a recipe without it has the same stream.
    holes = _centres(count, generator) if augmentation.cutout else None
    strength = augmentation.mixup or augmentation.cutmix
    shares = _beta(count, strength, generator) if strength else None
    patches = _centres(count, generator) if augmentation.cutmix else None
    order = order if shuffle else torch.arange(count)
    return Draws(order, offsets[0], offsets[1], flips, holes, shares, patches)


def _centres(count: int, generator: torch.Generator) -> Tensor:
    return torch.rand((2, count), generator=generator, dtype=torch.float64)


def _beta(count: int, strength: float, generator: torch.Generator) -> Tensor:
    """Draw float64 [N] from Beta(strength, strength), as shares of two gamma variables."""
    parts = torch._standard_gamma(torch.full((2, count), strength, dtype=torch.float64), generator=generator)
    total = parts.sum(0)
    return torch.where(total > 0, parts[0] / total, 1.0)  # both are 0 only if they are too small for a float


def padded_bytes(images: np.ndarray, crop_padding: int) -> int:
    """Return the memory in bytes that images [N, C, H, W] take with padding on each side."""
    count, channels, height, width = images.shape
    return int(count * channels * (height + 2 * crop_padding) * (width + 2 * crop_padding))


class ImageSet:
    """A set of images and labels on one device.

    Args:
        images: uint8 [N, C, H, W].
        labels: int64 [N].
        mean, std: per channel, of pixels scaled to 0..1.
        crop_padding: black pixels added on each side before normalising, as in the reference.
        cutout: side in pixels of the square that is set to the mean colour; parts outside the image are lost.
        channels_last: memory layout of the batches.
        classes: number of classes, for labels of mixed images.
        device: where the images are stored.
    Raises:
        ConfigError: the cut-out square is as large as an image.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        *,
        crop_padding: int = 0,
        cutout: int = 0,
        channels_last: bool = False,
        classes: int = 0,
        device: torch.device,
    ) -> None:
        height, width = images.shape[2:]
        if cutout >= (side := min(height, width)):
            raise ConfigError(
                f"recipe.augmentation.cutout: {cutout} must be below the side of the images, {side} pixels."
            )
        pixels = torch.from_numpy(np.ascontiguousarray(images)).to(device)
        padded = F.pad(pixels, (crop_padding,) * 4) if crop_padding else pixels
        self._windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # [N, C, P, P, H, W], a view
        self.labels = torch.from_numpy(np.ascontiguousarray(labels)).to(device)
        self._mean = torch.tensor(mean, device=device).view(1, -1, 1, 1)
        self._std = torch.tensor(std, device=device).view(1, -1, 1, 1)
        self._centre = crop_padding
        self._cutout = cutout
        self._channels_last = channels_last
        self._classes = classes
        self.device = device

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, draws: Draws, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Return normalised images float32 [B, C, H, W] and labels of positions start..stop of an epoch.

        Labels are int64 [B]; for mixed images they are the classes' shares, float32 [B, K].
        """
        chosen = draws.order[start:stop]
        crops = self._windows[chosen, :, draws.rows[start:stop], draws.columns[start:stop]]  # [B, C, H, W]
        flips = draws.flips[start:stop, None, None, None]
        keeps = None if draws.holes is None else self._outside(draws.holes[:, start:stop], self._cutout)
        images, labels = self._normalised(choose(flips, crops.flip(3), crops), keeps), self.labels[chosen]
        if draws.shares is None:
            return images, labels
        patches = None if draws.patches is None else draws.patches[:, start:stop]
        return self._mixed(images, labels, draws.shares[start:stop], patches)

    def plain(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Return images and labels of positions start..stop in file order, without augmentation."""
        images = self._windows[start:stop, :, self._centre, self._centre]
        return self._normalised(images), self.labels[start:stop]

    def _mixed(
        self, images: Tensor, labels: Tensor, shares: Tensor, patches: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Mix every image and its label with the image before it in the batch.

        Source: Zhang et al., "mixup", ICLR 2018; Yun et al., "CutMix", ICCV 2019.
        """
        others = images.roll(1, 0)
        if patches is None:
            kept = shares.float()[:, None, None, None]
        else:
            sides = torch.tensor(images.shape[-2:], device=self.device)
            lengths = ((1 - shares).sqrt() * sides[:, None]).round().long()  # [2, B]
            kept = self._outside(patches, lengths).float()
            shares = kept.mean((1, 2, 3))  # what is left of it after rounding and at the border
        classes = F.one_hot(labels, self._classes).float()
        share = shares.float()[:, None]
        return images * kept + others * (1 - kept), classes * share + classes.roll(1, 0) * (1 - share)

    def _outside(self, middles: Tensor, lengths: Tensor | int) -> Tensor:
        """Return bool [B, 1, H, W]: the pixels outside rectangles with centres middles [2, B] and lengths [2, B]."""
        lengths = torch.as_tensor(lengths, device=self.device).expand(middles.shape)
        sides = self._windows.shape[-2:]
        rows, columns = (
            self._inside(middle, length, side)
            for middle, length, side in zip(middles, lengths, sides, strict=True)
        )
        return (rows[:, None, :, None] & columns[:, None, None, :]).logical_not()

    def _inside(self, middles: Tensor, lengths: Tensor, side: int) -> Tensor:
        """Return bool [B, side]: the positions along a side that intervals of lengths [B] around middles [B] cover."""
        first = (middles * side).long() - lengths // 2
        places = torch.arange(side, device=self.device) - first[:, None]
        return (places >= 0) & (places < lengths[:, None])

    def _normalised(self, images: Tensor, keeps: Tensor | None = None) -> Tensor:
        pixels = images.to(torch.float32, memory_format=torch.contiguous_format)
        pixels = pixels.div_(255.0).sub_(self._mean).div_(self._std)
        if keeps is not None:
            pixels.mul_(keeps)  # zero is the mean colour
        if not self._channels_last:
            return pixels
        # Converted last, because arithmetic by channel is several times slower in this layout.
        return torch.empty_like(pixels, memory_format=torch.channels_last).copy_(pixels)


def choose(flips: Tensor, flipped: Tensor, images: Tensor) -> Tensor:
    """Return each image or its mirror image; up to 8 pixels are moved at once, because torch.where on bytes is slow.

    Args:
        flips: bool [B, 1, 1, 1].
        flipped, images: uint8 [B, C, H, W], contiguous.
    """
    wide = next(kind for kind in WIDE if images.shape[-1] % kind.itemsize == 0)
    return torch.where(flips, flipped.view(wide), images.view(wide)).view(torch.uint8)


def to_device(draws: Draws, device: torch.device) -> Draws:
    """Return the draws on a device."""

    def moved(part: Tensor) -> Tensor:
        return part.to(device, non_blocking=True)

    given = {field.name: getattr(draws, field.name) for field in fields(draws)}
    return replace(draws, **{name: moved(part) for name, part in given.items() if part is not None})
