"""The baseline: a training loop as published around 2020, with PIL, DataLoader workers, a mask loop in Python."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset
from torchvision import transforms

CHANNEL = 0.5
"""Mean and standard deviation of every channel; their values do not matter here."""


class Pictures(TorchDataset[tuple[Tensor, int]]):
    """Images as torchvision's CIFAR10 returns them: PIL images, transformed one by one.

    Args:
        images: uint8 [N, C, H, W].
        labels: int64 [N].
        padding: padding of the random crop.
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray, padding: int) -> None:
        self._images = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
        self._labels = labels
        self._change = transforms.Compose(
            [
                transforms.RandomCrop(images.shape[-1], padding=padding),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize((CHANNEL,) * images.shape[1], (CHANNEL,) * images.shape[1]),
            ]
        )

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        return self._change(Image.fromarray(self._images[place])), int(self._labels[place])


def loader(pictures: Pictures, batch_size: int, workers: int) -> DataLoader[tuple[Tensor, int]]:
    """Return the DataLoader of the reference."""
    return DataLoader(pictures, batch_size, shuffle=True, num_workers=workers, persistent_workers=workers > 0)


def endless(batches: DataLoader[tuple[Tensor, int]]) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches, epoch after epoch."""
    while True:
        yield from batches


class PlainStep:
    """One step of the reference: zero_grad, backward, gradients masked layer by layer, torch.optim.SGD.

    Args:
        network: the network, on its device.
        mask: bool by parameter name.
        batches: images and labels on the CPU.
    """

    def __init__(
        self, network: nn.Module, mask: dict[str, np.ndarray], batches: Iterator[tuple[Tensor, Tensor]]
    ) -> None:
        self._network = network
        self._device = next(network.parameters()).device
        self._masks = {name: torch.from_numpy(kept).float().to(self._device) for name, kept in mask.items()}
        self._batches = batches
        self._optimiser = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
        self.loss, self.correct, self.seen = 0.0, 0, 0

    def __call__(self) -> None:
        """Take one step on the next batch."""
        images, labels = (part.to(self._device) for part in next(self._batches))
        self._optimiser.zero_grad()
        logits = self._network(images)
        loss = F.cross_entropy(logits, labels)
        loss.backward()
        for name, weight in self._network.named_parameters():
            if name in self._masks and weight.grad is not None:
                weight.grad.data.mul_(self._masks[name])
        self._optimiser.step()
        self.loss += loss.item()
        self.correct += logits.max(1)[1].eq(labels).sum().item()
        self.seen += len(labels)


class PlainAdamW:
    """One step of a plain loop in today's torch: images in one tensor, torch.optim.AdamW, weights masked afterwards.

    Args:
        network: the network, on its device.
        mask: bool by parameter name.
        images: uint8 [N, C, H, W], normalised once and kept on the device.
        labels: int64 [N].
        batch_size: images per step.
    """

    def __init__(
        self,
        network: nn.Module,
        mask: dict[str, np.ndarray],
        images: np.ndarray,
        labels: np.ndarray,
        batch_size: int,
    ) -> None:
        device = next(network.parameters()).device
        self._network = network
        self._masks = {name: torch.from_numpy(kept).float().to(device) for name, kept in mask.items()}
        self._images = (torch.from_numpy(images).to(device).float() / 255 - 0.5) / 0.5
        self._labels = torch.from_numpy(labels).to(device)
        self._batch_size = batch_size
        self._optimiser = torch.optim.AdamW(network.parameters(), lr=0.001, weight_decay=0.01)
        self.loss = 0.0

    def __call__(self) -> None:
        """Take one step on a random batch."""
        chosen = torch.randint(len(self._labels), (self._batch_size,), device=self._labels.device)
        self._optimiser.zero_grad()
        loss = F.cross_entropy(self._network(self._images[chosen]), self._labels[chosen])
        loss.backward()
        self._optimiser.step()
        with torch.no_grad():
            for name, weight in self._network.named_parameters():
                if name in self._masks:
                    weight.mul_(self._masks[name])
        self.loss += loss.item()
