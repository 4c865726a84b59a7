"""Initial weights of networks that are not ours: drawn by their constructor or their own method, anew for each seed."""

from pathlib import Path

import numpy as np
import pytest
import torch

from prunepipe.artifacts import Arrays
from prunepipe.datasets import prepare, write_dataset
from prunepipe.seeds import seeded_globals
from prunepipe.stages.initialising import initialise
from prunepipe.stages.inputs import build
from prunepipe.stages.schemas.initialising import InitialSettings
from prunepipe.stages.schemas.network import NetworkSettings

NETWORKS = '''
import random

import numpy as np
import torch
from torch import nn


class Plain(nn.Module):
    """Has no method `initialise`, but a raw parameter, as a transformer's position embedding is."""

    def __init__(self, channels, classes):
        super().__init__()
        self.conv = nn.Conv2d(channels, 4, 3, padding=1)
        self.position = nn.Parameter(torch.randn(1, 4, 8, 8))
        self.head = nn.Linear(4, classes)

    def forward(self, images):
        return self.head((self.conv(images) + self.position).relu().mean((2, 3)))


class Forgets(Plain):
    """Has a method `initialise` that forgets its generator, as everybody writes it."""

    def initialise(self, *, generator):
        nn.init.kaiming_normal_(self.conv.weight)
        nn.init.constant_(self.conv.bias, random.random())
        self.head.weight.data = torch.from_numpy(np.random.standard_normal(self.head.weight.shape)).float()


def plain(*, channels, classes, image_size):
    return Plain(channels, classes)


def forgets(*, channels, classes, image_size):
    return Forgets(channels, classes)
'''


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("draws")
    write_dataset(
        folder / "digits.safetensors",
        prepare("prunepipe.datasets.digits:load", folder, train_images=20),
        "digits",
    )
    (folder / "nets.py").write_text(NETWORKS)
    return folder


def drawn(place: Path, name: str, seed: int, draw: str = "init") -> Arrays:
    reference = f"{place}/nets.py:{name}" if name in ("plain", "forgets") else name
    network = NetworkSettings(reference=reference, options={})
    settings = InitialSettings(network=network, seed=seed, draw=draw)
    return initialise(str(place / "digits.safetensors"), settings)[0]


DRAWN = {
    "plain": ("conv.weight", "conv.bias", "position", "head.weight", "head.bias"),
    "forgets": ("conv.weight", "conv.bias", "position", "head.weight", "head.bias"),
    "prunepipe.networks.vgg:vgg_digits": ("features.0.weight",),
    "prunepipe.networks.torchvision_models:resnet18": (
        "conv1.weight",
        "layer1.0.conv1.weight",
        "fc.weight",
        "fc.bias",
    ),
}


@pytest.mark.parametrize("name", DRAWN)
def test_every_seed_and_every_draw_has_weights_of_its_own_whatever_ran_before(place: Path, name: str) -> None:
    first, other, second_draw = drawn(place, name, 0), drawn(place, name, 1), drawn(place, name, 0, "reinit")
    torch.rand(5)
    np.random.random(5)
    again = drawn(place, name, 0)
    for weight in DRAWN[name]:
        assert np.array_equal(first[weight], again[weight])
        assert not np.array_equal(first[weight], other[weight])
        assert not np.array_equal(first[weight], second_draw[weight])


def test_a_network_without_a_method_initialise_starts_from_its_constructors_weights(place: Path) -> None:
    from prunepipe.plugins import load_function

    with seeded_globals(5, "init"):
        expected = load_function(f"{place}/nets.py:plain")(channels=1, classes=10, image_size=8)
    found = drawn(place, "plain", 5)
    for name, weight in expected.state_dict().items():
        assert np.array_equal(found[name], weight.numpy()), name


def test_all_stages_of_a_seed_build_the_same_network(place: Path) -> None:
    """What a constructor draws and keeps beside its weights is the same in scoring and in training."""
    dataset = prepare("prunepipe.datasets.digits:load", place, train_images=20)
    network = NetworkSettings(reference=f"{place}/nets.py:plain", options={})
    built = build(dataset, network, 3)
    torch.rand(5)
    again = build(dataset, network, 3)
    assert all(torch.equal(a, b) for a, b in zip(built.parameters(), again.parameters(), strict=True))


LOADER = """
import random

import numpy as np
from prunepipe.api import Dataset


def load(folder):
    labels = np.arange(6) % 2
    images = np.random.randint(0, 256, (6, 1, 4, 4)).astype(np.uint8) ^ np.uint8(random.randrange(256))
    return Dataset(images, labels, images, labels, 2, (0.5,), (0.5,))
"""


def test_a_loader_that_draws_gives_the_same_data_set_each_time(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(LOADER)
    first = prepare(f"{tmp_path}/mine.py:load", tmp_path)
    np.random.random(5)
    assert np.array_equal(prepare(f"{tmp_path}/mine.py:load", tmp_path).train_images, first.train_images)
