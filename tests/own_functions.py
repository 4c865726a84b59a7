"""Functions of a user, good and bad, as the tests of own methods load them: tests/own_functions.py:NAME."""

import os
import random
from pathlib import Path

import numpy as np
import torch
from torch import nn

from prunepipe.datasets import Dataset
from prunepipe.networks.prunable import prunable

CALLS = 0


def good(network, batches, loss, *, generator, power=1.0):
    return {name: weight.detach().abs() ** power for name, weight in prunable(network).items()}


def drawn(network, batches, loss, *, generator):
    return {name: torch.rand(weight.shape, generator=generator) for name, weight in prunable(network).items()}


def drawn_globally(network, batches, loss, *, generator):
    return {name: torch.rand(weight.shape) for name, weight in prunable(network).items()}


def drawn_from_numpy(network, batches, loss):
    return {
        name: np.random.rand(*weight.shape) + random.random() for name, weight in prunable(network).items()
    }


def asks_for_more(network, batches, loss, temperature):
    return {}


def ignores_generator(network, batches, loss, *, generator):
    weights = prunable(network).items()
    return {name: torch.from_numpy(np.random.default_rng().random(weight.shape)) for name, weight in weights}


def remembers(network, batches, loss, *, generator):
    global CALLS
    CALLS += 1
    return {name: weight.detach() + CALLS for name, weight in prunable(network).items()}


def raises(network, batches, loss, *, generator):
    return {"mine": {}["missing"]}


def nothing(network, batches, loss, *, generator):
    pass


def no_generator(network, batches, loss):
    return {}


def mask(network, batches, loss, *, generator, kept_total, spare=0):
    """The largest weights of the whole network, as a mask."""
    weights = prunable(network)
    order = torch.cat([weight.detach().abs().flatten() for weight in weights.values()]).argsort(
        descending=True
    )
    kept = torch.zeros(len(order), dtype=torch.bool)
    kept[order[: kept_total + spare]] = True
    parts = kept.split([weight.numel() for weight in weights.values()])
    return {
        name: part.view(weight.shape) for (name, weight), part in zip(weights.items(), parts, strict=True)
    }


def told_density(network, batches, loss, *, generator, density):
    return {name: weight.detach().abs() * density for name, weight in prunable(network).items()}


def first_layers(scores, structure, kept_total):
    """An allocation: fill the layers in their order."""
    kept = {}
    for layer in structure.layers:
        kept[layer.name] = min(layer.size, kept_total - sum(kept.values()))
    return kept


def one_too_many(scores, structure, kept_total):
    kept = first_layers(scores, structure, kept_total)
    return {**kept, structure.layers[-1].name: 1}


def shares(scores, structure, kept_total):
    return {layer.name: layer.size * 0.5 for layer in structure.layers}


def total_only(scores, structure, kept_total):
    return kept_total


def flip_rows(mask, *, generator):
    return {name: layer[::-1].copy() for name, layer in mask.items()}


def in_place(mask, *, generator):
    for layer in mask.values():
        layer[...] = layer[::-1].copy()
    return mask


def counts_instead(mask, *, generator):
    return {name: layer.sum() for name, layer in mask.items()}


def forgets_a_layer(mask, *, generator):
    return dict(list(mask.items())[1:])


def scattered_globally(mask, *, generator):
    """A check that forgets its generator."""
    return {
        name: layer.ravel()[torch.randperm(layer.size).numpy()].reshape(layer.shape)
        for name, layer in mask.items()
    }


def scattered_anew(mask, *, generator):
    stream = np.random.default_rng()
    return {name: stream.permutation(layer.ravel()).reshape(layer.shape) for name, layer in mask.items()}


def inverted_by_chance(scores):
    return {
        name: layer * np.random.choice([-1.0, 1.0], layer.shape).astype(layer.dtype)
        for name, layer in scores.items()
    }


def spread_by_chance(scores, structure, kept_total):
    for layer in scores.values():
        layer[...] = 0  # its own copy
    first, second = structure.layers
    share = int(np.random.randint(max(0, kept_total - second.size), min(first.size, kept_total) + 1))
    return {first.name: share, second.name: kept_total - share}


def spread_by_turns(scores, structure, kept_total):
    """An allocation that keeps something between calls, where a fresh import of this file does not clear it."""
    os.environ["OWN_TURN"] = turn = str(1 - int(os.environ.get("OWN_TURN", "0")))
    first, second = structure.layers
    share = max(0, kept_total - second.size) + int(turn)
    return {first.name: share, second.name: kept_total - share}


def relabelled_globally(images, labels, classes, *, generator):
    return images, np.random.randint(0, classes, len(labels)).astype(np.int64)


def relabelled_anew(images, labels, classes, *, generator):
    return images, np.random.default_rng().integers(0, classes, len(labels))


def black(images, labels, classes, *, generator):
    images[...] = 0
    return images, labels


def only_images(images, labels, classes, *, generator):
    return images


def unknown_labels(images, labels, classes, *, generator):
    return images, labels + classes


def network(*, channels, classes, image_size):
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes)
    )


def dropping(*, channels, classes, image_size):
    return nn.Sequential(
        nn.Flatten(), nn.Linear(channels * image_size**2, 8), nn.Dropout(0.5), nn.Linear(8, classes)
    )


def too_few_logits(*, channels, classes, image_size):
    return network(channels=channels, classes=classes - 1, image_size=image_size)


def bare(*, channels, classes, image_size):
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.BatchNorm1d(channels))


class Auxiliary(nn.Module):
    """Gives a second result while it is trained, as Inception does."""

    def __init__(self, channels, classes):
        super().__init__()
        self.network = network(channels=channels, classes=classes, image_size=8)

    def forward(self, images):
        logits = self.network(images)
        return (logits, logits) if self.training else logits


def auxiliary(*, channels, classes, image_size):
    return Auxiliary(channels, classes)


class Explained(Auxiliary):
    """Gives a second result where it is tested."""

    def forward(self, images):
        logits = self.network(images)
        return logits if self.training else (logits, images)


def explained(*, channels, classes, image_size):
    return Explained(channels, classes)


class Overwriting(Auxiliary):
    """Overwrites what its backward pass needs."""

    def forward(self, images):
        return self.network(images).sigmoid().mul_(2)


def overwriting(*, channels, classes, image_size):
    return Overwriting(channels, classes)


class Tied(nn.Module):
    """Shares the weight of its head with an embedding that it does not use."""

    def __init__(self, channels, classes):
        super().__init__()
        self.network = network(channels=channels, classes=classes, image_size=8)
        self.embedding = nn.Embedding(classes, 4)
        self.embedding.weight = self.network[4].weight

    def forward(self, images):
        return self.network(images)


def tied(*, channels, classes, image_size):
    return Tied(channels, classes)


def wrong_size(*, channels, classes, image_size):
    return nn.Sequential(nn.Flatten(), nn.Linear(7, classes))


class OneLayer(nn.Linear):
    def forward(self, images):
        return super().forward(images.flatten(1))


def one_layer(*, channels, classes, image_size):
    return OneLayer(channels * image_size**2, classes)


def in_parallel(*, channels, classes, image_size):
    return nn.DataParallel(network(channels=channels, classes=classes, image_size=image_size))


def of_two_images(*, channels, classes, image_size):
    inner = network(channels=channels, classes=classes, image_size=image_size)
    return nn.Sequential(inner, nn.Flatten(0), nn.Unflatten(0, (4, -1)))


def in_half_precision(*, channels, classes, image_size):
    return network(channels=channels, classes=classes, image_size=image_size).half()


def in_double_precision(*, channels, classes, image_size):
    return network(channels=channels, classes=classes, image_size=image_size).double()


def in_bfloat16(*, channels, classes, image_size):
    return network(channels=channels, classes=classes, image_size=image_size).bfloat16()


def with_softmax(*, channels, classes, image_size):
    inner = network(channels=channels, classes=classes, image_size=image_size)
    return nn.Sequential(inner, nn.Softmax(1))


class Listed(nn.Module):
    """Keeps a layer in a plain list, where PyTorch does not see it."""

    def __init__(self, channels, classes):
        super().__init__()
        self.layers = [nn.Conv2d(channels, 4, 3)]
        self.head = nn.Linear(4, classes)

    def forward(self, images):
        return self.head(self.layers[0](images).mean((2, 3)))


def listed(*, channels, classes, image_size):
    return Listed(channels, classes)


def squares(folder):
    """A data set of two classes: dark and bright squares."""
    labels = np.arange(40) % 2
    images = np.repeat(labels.astype(np.uint8) * 200, 64).reshape(40, 1, 8, 8)
    return Dataset(
        images, labels.astype(np.int64), images[:20], labels[:20].astype(np.int64), 2, (0.4,), (0.4,)
    )


def with_a_gap(folder):
    labels = np.array([0, 2] * 20)
    images = np.arange(40 * 64, dtype=np.uint8).reshape(40, 1, 8, 8)
    return Dataset(images, labels, images[:20], labels[:20], 3, (0.4,), (0.4,))


def no_file(folder):
    return Path(folder, "no_such_file.bin").read_bytes()
