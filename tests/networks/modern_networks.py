"""Tiny networks of today, each a builder as a study names it: what the pipeline promises holds for all of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from prunepipe.networks.shapes import sides
from prunepipe.networks.vit import vit_small

CHANNELS, CLASSES, SIZE = 2, 3, 8


def vit(*, channels: int, classes: int, image_size: int) -> nn.Module:
    return vit_small(
        channels=channels, classes=classes, image_size=image_size, width=0.06
    )  # 2 features a head


class TorchTransformer(nn.Module):
    """Torch's own encoder layer, whose attention holds its input projections in one parameter."""

    def __init__(self, channels: int, classes: int, tokens: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(channels, 4, 4, 4)
        self.positions = nn.Embedding(tokens, 4)
        self.register_buffer("places", torch.arange(tokens))
        self.encoder = nn.TransformerEncoderLayer(4, 2, 6, dropout=0.0, activation="gelu", batch_first=True)
        self.head = nn.Linear(4, classes)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.patches(images).flatten(2).transpose(1, 2) + self.positions(self.places)
        return self.head(self.encoder(tokens).mean(1))


def torch_transformer(*, channels: int, classes: int, image_size: int) -> nn.Module:
    height, width = sides(image_size)
    return TorchTransformer(channels, classes, height * width // 16)


class Rows(nn.Module):
    """Convolutions over one axis: the image's rows are its features."""

    def __init__(self, channels: int, classes: int, height: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(channels * height, 6, 3, padding=1)
        self.norm = nn.BatchNorm1d(6)
        self.second = nn.Conv1d(6, 4, 3, stride=2, groups=2)
        self.head = nn.Linear(4, classes)

    def forward(self, images: Tensor) -> Tensor:
        rows = torch.relu(self.norm(self.first(images.flatten(1, 2))))
        return self.head(torch.relu(self.second(rows)).mean(2))


def conv1d(*, channels: int, classes: int, image_size: int) -> nn.Module:
    return Rows(channels, classes, sides(image_size)[0])


class Volumes(nn.Module):
    """A convolution over three axes, and one transposed in groups."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.first = nn.Conv3d(1, 4, (1, 3, 3), padding=(0, 1, 1))
        self.up = nn.ConvTranspose2d(8, 6, 2, stride=2, groups=2)
        self.head = nn.Linear(6, classes)

    def forward(self, images: Tensor) -> Tensor:
        volumes = torch.relu(self.first(images.unsqueeze(1)))  # [N, 4, C, H, W]
        return self.head(torch.relu(self.up(volumes.flatten(1, 2))).mean((2, 3)))


def volumes(*, channels: int, classes: int, image_size: int) -> nn.Module:
    assert channels == 2
    return Volumes(classes)


class Mixer(nn.Module):
    """Linear layers over the patches and over the features in turn."""

    def __init__(self, channels: int, classes: int, tokens: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(channels, 4, 4, 4)
        self.token_norm, self.feature_norm = nn.LayerNorm(4), nn.LayerNorm(4)
        self.tokens = nn.Sequential(nn.Linear(tokens, 3), nn.GELU(), nn.Linear(3, tokens))
        self.features = nn.Sequential(nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 4))
        self.head = nn.Linear(4, classes)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.patches(images).flatten(2).transpose(1, 2)  # [N, T, F]
        tokens = tokens + self.tokens(self.token_norm(tokens).mT).mT
        tokens = tokens + self.features(self.feature_norm(tokens))
        return self.head(tokens.mean(1))


def mixer(*, channels: int, classes: int, image_size: int) -> nn.Module:
    height, width = sides(image_size)
    return Mixer(channels, classes, height * width // 16)


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution, LayerNorm over channels, two Linear layers, a learned scale, a shortcut."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, 4, 2, 2)
        self.depthwise = nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.norm = nn.LayerNorm(4)
        self.widen, self.narrow = nn.Linear(4, 8), nn.Linear(8, 4)
        self.scale = nn.Parameter(torch.full((4,), 0.5))
        self.head = nn.Linear(4, classes)

    def forward(self, images: Tensor) -> Tensor:
        features = self.stem(images)
        inner = self.norm(self.depthwise(features).permute(0, 2, 3, 1))
        inner = self.scale * self.narrow(nn.functional.gelu(self.widen(inner)))
        return self.head((features + inner.permute(0, 3, 1, 2)).mean((2, 3)))


def convnext(*, channels: int, classes: int, image_size: int) -> nn.Module:
    return ConvNeXtBlock(channels, classes)


def mlp(*, channels: int, classes: int, image_size: int) -> nn.Module:
    height, width = sides(image_size)
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(channels * height * width, 12),
        nn.ReLU(),
        nn.Linear(12, 8),
        nn.ReLU(),
        nn.Linear(8, classes),
    )


class Unused(nn.Module):
    """A layer and a parameter that the forward pass never reads."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, 4, 3)
        self.never = nn.Conv2d(4, 4, 1)
        self.spare = nn.Parameter(torch.ones(3, 3))
        self.head = nn.Linear(4, classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(torch.relu(self.stem(images)).mean((2, 3)))


def unused(*, channels: int, classes: int, image_size: int) -> nn.Module:
    return Unused(channels, classes)


class TwoNames(nn.Module):
    """One module that is registered twice, and so has its weights in the state twice."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, 4, 3)
        self.layers = nn.ModuleList([self.stem, nn.BatchNorm2d(4)])
        self.head = nn.Linear(4, classes)

    def forward(self, images: Tensor) -> Tensor:
        for layer in self.layers:
            images = torch.relu(layer(images))
        return self.head(images.mean((2, 3)))


def two_names(*, channels: int, classes: int, image_size: int) -> nn.Module:
    return TwoNames(channels, classes)


# What is refused, in one line


def weight_norm(*, channels: int, classes: int, image_size: int) -> nn.Module:
    normed = nn.utils.parametrizations.weight_norm(nn.Conv2d(channels, 4, 3))
    return nn.Sequential(normed, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes))


class Tied(nn.Module):
    """The last layer reads the table that the tokens come from."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.table = nn.Embedding(classes, 4)
        self.stem = nn.Conv2d(CHANNELS, 4, 3)
        self.head = nn.Linear(4, classes, bias=False)
        self.head.weight = self.table.weight

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.stem(images).mean((2, 3)))


def tied(*, channels: int, classes: int, image_size: int) -> nn.Module:
    return Tied(classes)


class Auxiliary(Unused):
    """In train mode it returns a second head's logits as well."""

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        logits = super().forward(images)
        return (logits, logits) if self.training else logits


def auxiliary(*, channels: int, classes: int, image_size: int) -> nn.Module:
    return Auxiliary(channels, classes)


class FailsInTraining(Unused):
    """Its forward pass raises in train mode alone."""

    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            raise IndexError("no\nway")
        return super().forward(images)


def fails_in_training(*, channels: int, classes: int, image_size: int) -> nn.Module:
    return FailsInTraining(channels, classes)


def no_gradient(*, channels: int, classes: int, image_size: int) -> nn.Module:
    return mlp(channels=channels, classes=classes, image_size=image_size).requires_grad_(False)


def lazy(*, channels: int, classes: int, image_size: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(classes))


def squares_only(*, channels: int, classes: int, image_size: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(channels * image_size**2, classes))


def mostly_tables(*, channels: int, classes: int, image_size: int) -> nn.Module:
    network = mlp(channels=channels, classes=classes, image_size=image_size)
    network.register_parameter("table", nn.Parameter(torch.zeros(40, 40)))
    return network
