"""torchvision's networks by name: fitted to small images, traced, and scored by every built-in score."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from prunepipe.errors import ConfigError
from prunepipe.networks import torchvision_models
from prunepipe.networks.building import make_network
from prunepipe.networks.connectivity import connectivity
from prunepipe.networks.recording import record
from prunepipe.networks.torchvision_names import TORCHVISION_MODELS
from prunepipe.networks.tracing import trace
from prunepipe.plugins import load_function
from prunepipe.pruning.rounds import score_network
from prunepipe.pruning.scores import SCORES
from prunepipe.pruning.scores.enforcing import Scorer
from prunepipe.seeds import seeded_globals
from prunepipe.study.names import network_row

SIZE = 12
CHANNELS = 2
CLASSES = 3


def fitted(name: str, size: int = SIZE) -> nn.Module:
    reference = network_row(f"torchvision:{name}").function
    return make_network(reference, channels=CHANNELS, classes=CLASSES, image_size=size)


@pytest.mark.parametrize("name", ["resnet18", "vgg11", "mobilenet_v2", "densenet121", "shufflenet_v2_x0_5"])
def test_a_network_takes_small_images_of_any_channels_and_its_paths_are_followed(name: str) -> None:
    network = fitted(name).eval()
    with torch.no_grad():
        assert network(torch.zeros(2, CHANNELS, SIZE, SIZE)).shape == (2, CLASSES)
    structure = trace(network, (CHANNELS, SIZE, SIZE))
    recording = record(network, (CHANNELS, SIZE, SIZE))
    whole = {layer.name: np.ones(layer.shape, bool) for layer in structure.layers}
    paths = connectivity(whole, recording)
    assert not paths.collapsed
    cut = {**whole, structure.layers[0].name: np.zeros(structure.layers[0].shape, bool)}
    assert connectivity(cut, recording).collapsed
    used = sum(layer.size for layer in structure.layers if paths.effective[layer.name])
    assert used == structure.size


@pytest.mark.parametrize(
    ("name", "score"),
    [
        *(
            (name, score)
            for name in ("resnet18", "mobilenet_v2")
            for score in ("snip", "grasp", "obd", "synflow")
        ),
        ("vgg11", "snip"),  # 28 million weights, and no normalisation
    ],
)
def test_every_score_works_on_it(name: str, score: str) -> None:
    network = fitted(name)
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(4, CHANNELS, SIZE, SIZE, generator=generator)
    batches = [(images, torch.arange(4) % CLASSES)]
    scorer = Scorer(load_function(SCORES[score].function), score)
    scores = score_network(network, scorer, batches, cross_entropy, generator=generator)
    assert all(np.isfinite(layer).all() for layer in scores.values())
    assert np.mean([layer.any() for layer in scores.values()]) > 0.9


def test_the_stem_keeps_the_resolution_of_small_images_only() -> None:
    small, large = fitted("resnet18", 64), fitted("resnet18", 96)
    assert (small.conv1.kernel_size, small.conv1.stride) == ((3, 3), (1, 1))
    assert isinstance(small.maxpool, nn.Identity)
    assert (large.conv1.kernel_size, large.conv1.stride) == ((7, 7), (2, 2))
    assert isinstance(large.maxpool, nn.MaxPool2d)


@pytest.mark.parametrize("name", ["resnet18", "vgg11", "densenet121", "shufflenet_v2_x0_5", "mobilenet_v2"])
def test_replaced_layers_are_drawn_like_the_layers_they_replace(name: str) -> None:
    from torchvision import models

    torch.manual_seed(0)
    network = fitted(name)
    own, theirs = (
        next(module for module in whole.modules() if isinstance(module, nn.Conv2d))
        for whole in (network, models.get_model(name))
    )
    draw = torchvision_models.stem_initialiser(name)
    expected = nn.Conv2d(theirs.in_channels, theirs.out_channels, theirs.kernel_size, bias=False)
    draw(expected)
    assert expected.weight.std().item() == pytest.approx(theirs.weight.std().item(), rel=0.1)
    again = nn.Conv2d(own.in_channels, own.out_channels, own.kernel_size, bias=False)
    draw(again)
    assert own.weight.std().item() == pytest.approx(again.weight.std().item(), rel=0.2)
    assert own.bias is None or not own.bias.any()


def test_every_other_layer_starts_as_torchvision_starts_it() -> None:
    from torchvision import models

    network = fitted("resnet18")
    with seeded_globals(0, "init"):
        theirs = models.resnet18(num_classes=CLASSES)
    for name, weight in theirs.state_dict().items():
        assert name == "conv1.weight" or torch.equal(network.state_dict()[name], weight), name
    vgg = fitted("vgg11")
    assert vgg.classifier[0].weight.std().item() == pytest.approx(0.01, rel=0.01)
    assert not vgg.classifier[0].bias.any()


def test_every_listed_model_has_an_initialiser_for_its_first_convolution() -> None:
    for name in TORCHVISION_MODELS:
        assert torchvision_models.stem_initialiser(name)


@pytest.mark.parametrize(("size", "features"), [(12, 512), (32, 512), (64, 512 * 4), (256, 512 * 49)])
def test_vgg_reads_its_last_map_as_it_is(size: int, features: int) -> None:
    reference = network_row("torchvision:vgg11").function
    with torch.device("meta"):  # shapes only: the large one has 120 million weights
        network = load_function(reference)(channels=1, classes=2, image_size=size)
        assert network(torch.zeros(1, 1, size, size)).shape == (1, 2)
    assert network.classifier[0].in_features == features


def test_an_unknown_model_is_named_before_torchvision_is_imported() -> None:
    with pytest.raises(ValueError, match="unknown torchvision model 'resnet81'. Did you mean 'resnet18'"):
        network_row("torchvision:resnet81")
    with pytest.raises(ConfigError, match="Did you mean 'resnet18'"):
        load_function("prunepipe.networks.torchvision_models:resnet81")
    code = (
        "import prunepipe.study.study, sys; sys.exit('torchvision' in sys.modules or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_listed_model_is_torchvisions() -> None:
    from torchvision import models

    assert set(TORCHVISION_MODELS) <= set(models.list_models(module=models))


def test_a_width_is_refused_because_torchvision_has_none() -> None:
    with pytest.raises(ConfigError, match="which does not fit its options"):
        make_network(
            network_row("torchvision:resnet18").function,
            channels=1,
            classes=2,
            image_size=8,
            options={"width": 0.5},
        )
