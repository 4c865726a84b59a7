"""A small vision transformer: patches, learned positions, and blocks of attention and two Linear layers."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from prunepipe.networks.initialisation import CONSTANT_STARTS
from prunepipe.networks.shapes import (
    VIT_BLOCKS,
    VIT_HEADS,
    VIT_PATCH,
    ImageSize,
    require_patches,
    sides,
    vit_features,
)


class Attention(nn.Module):
    """Multi-head self-attention by torch's scaled dot product."""

    def __init__(self, features: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.projection = nn.Linear(features, 3 * features)  # queries, keys and values
        self.out = nn.Linear(features, features)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return [N, T, F] of tokens [N, T, F]."""
        images, count, features = tokens.shape
        parts = self.projection(tokens).view(images, count, 3, self.heads, features // self.heads)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4)  # each [N, heads, T, F / heads]
        mixed = functional.scaled_dot_product_attention(queries, keys, values)
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(images, count, features))
        return out


class Block(nn.Module):
    """Attention, then two Linear layers with GELU; each part follows a LayerNorm and has a shortcut around it."""

    def __init__(self, features: int, heads: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(features)
        self.attention = Attention(features, heads)
        self.norm = nn.LayerNorm(features)
        self.widen = nn.Linear(features, 2 * features)
        self.narrow = nn.Linear(2 * features, features)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return [N, T, F] of tokens [N, T, F]."""
        tokens = tokens + self.attention(self.attention_norm(tokens))
        joined: Tensor = tokens + self.narrow(functional.gelu(self.widen(self.norm(tokens))))
        return joined


class VisionTransformer(nn.Module):
    """Non-overlapping patches as tokens with learned positions, blocks, the average over all tokens, a Linear layer.

    Source: Dosovitskiy et al., "An image is worth 16x16 words", ICLR 2021, with the average of the tokens in place of
        a class token (appendix D.3).
    """

    def __init__(self, features: int, *, channels: int, classes: int, tokens: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(channels, features, VIT_PATCH, VIT_PATCH)
        self.positions = nn.Parameter(torch.zeros(tokens, features))
        self.blocks = nn.Sequential(*(Block(features, VIT_HEADS) for _ in range(VIT_BLOCKS)))
        self.norm = nn.LayerNorm(features)
        self.head = nn.Linear(features, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [N, K] of images [N, C, H, W]."""
        tokens = self.patches(images).flatten(2).transpose(1, 2) + self.positions  # [N, T, F]
        logits: Tensor = self.head(self.norm(self.blocks(tokens)).mean(1))
        return logits

    def initialise(self, *, generator: torch.Generator) -> None:
        """Draw Linear weights by Xavier's uniform rule, the patches' by their fan-in, positions from N(0, 0.02).

        Biases are 0. The head is drawn like the other Linear layers: with a head of zeros, every score that reads
        gradients would be zero for all other weights.
        """
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight, generator=generator)
                nn.init.zeros_(module.bias)
            elif isinstance(module, CONSTANT_STARTS):
                module.reset_parameters()
        fan = self.patches.weight[0].numel()
        nn.init.normal_(self.patches.weight, std=math.sqrt(1 / fan), generator=generator)
        assert self.patches.bias is not None
        nn.init.zeros_(self.patches.bias)
        nn.init.normal_(self.positions, std=0.02, generator=generator)


def vit_small(*, channels: int, classes: int, image_size: ImageSize, width: float = 1.0) -> VisionTransformer:
    """Build a small vision transformer: 4 blocks, patches of 4 x 4 pixels, 3 heads of 32 features.

    Args:
        channels: image channels.
        classes: number of logits.
        image_size: side of square images, pixels, or (height, width); a multiple of 4.
        width: multiplies the features (rounded per head, at least 1).
    Raises:
        ConfigError: the images are not a whole number of patches, or the width is not positive.
    """
    require_patches(image_size)
    height, breadth = sides(image_size)
    tokens = (height // VIT_PATCH) * (breadth // VIT_PATCH)
    return VisionTransformer(vit_features(width), channels=channels, classes=classes, tokens=tokens)
