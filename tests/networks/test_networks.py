"""Networks: sizes and order of the paper, initial weights, names of the reference, errors."""

from __future__ import annotations

import csv
import subprocess
import sys
from math import prod, sqrt
from pathlib import Path
from typing import Any

import pytest
import torch
from reference_names import load_reference, save_reference
from safetensors.torch import load_file
from torch import nn

from prunepipe.errors import ArtifactError, ConfigError
from prunepipe.networks import NETWORKS
from prunepipe.networks.building import make_network
from prunepipe.networks.initialisation import draw_normal, initialise
from prunepipe.networks.prunable import prunable
from prunepipe.networks.resnet import BasicBlock
from prunepipe.seeds import torch_generator

DATA = Path(__file__).parents[1] / "data"
SMALL = {"channels": 1, "classes": 10, "image_size": 8}
CIFAR = {"channels": 3, "classes": 10, "image_size": 32}


def _named(name: str, **arguments: Any) -> nn.Module:
    return make_network(NETWORKS[name].function if name in NETWORKS else name, **arguments)


def _cifar(network: str, classes: int) -> nn.Module:
    return _named(network, channels=3, classes=classes, image_size=32)


def _golden(prefix: str) -> dict[str, torch.Tensor]:
    arrays = load_file(DATA / "resnet8-10.inputs.safetensors")
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_makes_logits_at_a_quarter_of_its_width(name: str) -> None:
    network = _named(name, **CIFAR, options={"width": 0.25})
    initialise(network, generator=torch_generator(0, "init"))
    logits = network(torch.ones(2, 3, 32, 32))
    assert logits.shape == (2, 10)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize(
    ("name", "classes", "weights"),
    [
        ("vgg19", 10, 20_024_000),
        ("vgg19", 100, 20_070_080),
        ("resnet32", 10, 1_855_584),
        ("resnet32", 100, 1_867_104),
        (
            "vgg11_average_pool",
            10,
            9_222_848,
        ),  # 9 (3 64 + 64 128 + 128 256 + 256 256 + 256 512 + 3 512 512) + 512 10
        ("resnet18", 10, 11_164_352),
    ],
)
def test_prunable_weights_are_those_of_the_paper(name: str, classes: int, weights: int) -> None:
    assert sum(weight.numel() for weight in prunable(_cifar(name, classes)).values()) == weights


@pytest.mark.parametrize(
    ("name", "linear_deviation"), [("vgg11_average_pool", sqrt(2 / 512)), ("resnet18", 1 / sqrt(3 * 512))]
)
def test_networks_of_tanaka_et_al_draw_their_linear_weights_by_fan_in(
    name: str, linear_deviation: float
) -> None:
    network = _cifar(name, 100)
    initialise(network, generator=torch_generator(0, "init"))
    *_, last = (weight for weight in network.parameters() if weight.ndim == 2)
    assert float(last.detach().std()) == pytest.approx(linear_deviation, rel=0.02)


def test_the_ends_of_networks_with_an_average_pool_see_two_by_two_pixels() -> None:
    network = _cifar("vgg16_average_pool", 10)
    features = network.get_submodule("features")
    assert features(torch.ones(2, 3, 32, 32)).shape == (2, 512, 2, 2)


@pytest.mark.parametrize(("name", "image_size"), [("vgg_digits", 8), ("vgg_fashion", 14)])
def test_small_networks_have_seventy_thousand_weights(name: str, image_size: int) -> None:
    network = _named(name, channels=1, classes=10, image_size=image_size)
    assert sum(weight.numel() for weight in prunable(network).values()) == 69_904


@pytest.mark.parametrize("name", ["vgg19", "resnet32"])
def test_layers_come_in_the_order_of_the_reference(name: str) -> None:
    with (DATA / "allocations.csv").open() as file:
        rows = list(csv.DictReader(file))
    chosen = [
        row
        for row in rows
        if row["network"] == name and (row["classes"], row["allocation"]) == ("100", "smart")
    ]
    expected = [(row["type"], int(row["size"])) for row in chosen if float(row["prune_ratio"]) == 0.9]
    network = _cifar(name, 100)
    layers = [network.get_submodule(weight.removesuffix(".weight")) for weight in prunable(network)]
    assert [(type(layer).__name__, layer.weight.numel()) for layer in layers] == expected


@pytest.mark.parametrize("depth", [8, 20, 32, 44, 56])
def test_depth_counts_the_layers_on_the_longest_path(depth: int) -> None:
    network = _named(f"resnet{depth}", **CIFAR, options={"width": 0.1})
    shortcuts = sum("downsample" in name for name in prunable(network))
    assert (shortcuts, len(prunable(network)) - shortcuts) == (2, depth)


def test_block_projects_its_shortcut_also_where_only_channels_change() -> None:
    assert BasicBlock(2, 4, stride=1)(torch.ones(2, 2, 8, 8)).shape == (2, 4, 8, 8)


@pytest.mark.parametrize(("name", "layers"), [("vgg11", 9), ("vgg13", 11), ("vgg16", 14), ("vgg19", 17)])
def test_vgg_has_its_convolutions_and_one_linear_layer(name: str, layers: int) -> None:
    # One less Linear pair than in the names, which count the three Linear layers of the ImageNet version.
    assert len(prunable(_named(name, **CIFAR, options={"width": 0.1}))) == layers


def test_vgg_averages_what_is_left_of_larger_images() -> None:
    network = _named("vgg11", channels=3, classes=200, image_size=64, options={"width": 0.1}).eval()
    assert network.classifier.weight.shape == (200, 51)
    assert network.features(torch.ones(1, 3, 64, 64)).shape[2:] == (2, 2)
    assert network(torch.ones(1, 3, 64, 64)).shape == (1, 200)


def test_width_multiplies_channels_and_leaves_at_least_one() -> None:
    narrow = _named("vgg_digits", **SMALL, options={"width": 0.01})
    assert {weight.shape[0] for name, weight in prunable(narrow).items() if "features" in name} == {1}
    wide = _named("resnet8", **SMALL, options={"width": 1.5})
    assert wide.fc.weight.shape == (10, 192)


@pytest.mark.parametrize(("name", "fan"), [("vgg11", "in"), ("resnet20", "out")])
def test_initial_weights_follow_the_distribution_of_the_paper(name: str, fan: str) -> None:
    network = _cifar(name, 10)
    for tensor in network.state_dict().values():
        tensor.fill_(7)  # whatever was there must be gone afterwards
    initialise(network, generator=torch_generator(0, "init"))
    for weight in prunable(network).values():
        axis = 1 if fan == "in" else 0
        expected = sqrt(2 / (weight.shape[axis] * prod(weight.shape[2:]))) if weight.ndim == 4 else 0.01
        deviations = 5 / sqrt(weight.numel())  # five standard errors
        assert weight.mean().abs() < deviations * expected
        assert weight.std().item() == pytest.approx(expected, rel=deviations)
    state = network.state_dict()
    assert all((state[name] == 0).all() for name in state if name.endswith(("bias", "mean", "tracked")))
    assert all((state[name] == 1).all() for name in state if name.endswith("running_var"))
    scales = [module.weight for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert scales
    assert all((scale == 1).all() for scale in scales)


def test_initial_weights_depend_on_the_generator_alone() -> None:
    first, again, other = (_named("resnet8_small", **SMALL) for _ in range(3))
    initialise(first, generator=torch_generator(3, "init"))
    torch.rand(5)
    initialise(again, generator=torch_generator(3, "init"))
    initialise(other, generator=torch_generator(4, "init"))
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in first.state_dict().items())
    assert not any(torch.equal(weight, prunable(other)[name]) for name, weight in prunable(first).items())


def test_building_and_drawing_leave_the_global_random_state_alone() -> None:
    before = torch.random.get_rng_state()
    network = _named("vgg_digits", **SMALL)
    initialise(network, generator=torch_generator(0, "init"))
    assert torch.equal(before, torch.random.get_rng_state())


def test_building_is_a_pure_function() -> None:
    first = _named("vgg_digits", **SMALL).state_dict()
    torch.rand(3)
    second = _named("vgg_digits", **SMALL).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_golden_states_load_and_the_trained_one_classifies_better() -> None:
    network = make_network(NETWORKS["resnet8"].function, **CIFAR)
    batch = _golden("batch.")
    losses = []
    for prefix in ("init.", "trained."):
        network.load_state_dict(load_reference(_golden(prefix)))
        losses.append(nn.functional.cross_entropy(network(batch["images"]), batch["labels"]).item())
    assert losses[1] < losses[0] - 0.1  # also False if either is not finite


@pytest.mark.parametrize("prefix", ["module.", ""])
def test_names_of_the_reference_survive_the_round_trip(prefix: str) -> None:
    network = _named("vgg_digits", **SMALL)
    state = network.state_dict()
    theirs = {prefix + name: value for name, value in save_reference(state).items()}
    assert not any("tracked" in name for name in theirs)
    ours = load_reference(theirs)
    network.load_state_dict(ours, strict=True)
    assert set(ours) == set(state)


def test_singular_feature_is_known_and_batch_counters_are_kept() -> None:
    state = {"feature.1.running_var": torch.ones(2), "feature.1.num_batches_tracked": torch.tensor(5)}
    ours = load_reference(state)
    assert set(ours) == {"features.1.running_var", "features.1.num_batches_tracked"}
    assert ours["features.1.num_batches_tracked"] == 5


def test_one_name_twice_is_refused() -> None:
    with pytest.raises(ArtifactError, match=r"'module.fc.bias' appears twice"):
        load_reference({"fc.bias": torch.ones(1), "module.fc.bias": torch.ones(1)})


def test_a_module_that_cannot_be_drawn_is_named() -> None:
    network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Bilinear(2, 2, 2))
    with pytest.raises(ConfigError, match=r"'1' \(Bilinear\).*a method initialise"):
        draw_normal(network, fan="fan_in", generator=torch_generator(0, "init"))


BUILDER = """
from torch import nn
def build(*, channels, classes, image_size, hidden=4):
    return nn.Sequential(nn.Flatten(), nn.Linear(channels * image_size**2, hidden), nn.Linear(hidden, classes))
def wrong(*, channels, classes, image_size):
    return "a string"
"""


def test_networks_of_the_user_are_built_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(BUILDER)
    network = make_network(f"{file}:build", **SMALL, options={"hidden": 6})
    assert [weight.shape for weight in prunable(network).values()] == [(6, 64), (10, 6)]
    with pytest.raises(ConfigError, match="returned str, expected a torch"):
        make_network(f"{file}:wrong", **SMALL)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("vgg19", {}, "needs images of at least 32 x 32 pixels, .* but image_size is 8"),
        ("vgg_digits", {"widht": 2}, r"unexpected keyword argument 'widht'"),
        ("vgg_digits", {"width": 0}, r"width is 0, but it multiplies"),
        ("vgg_digits", {"width": float("nan")}, r"width is nan, but it multiplies"),
        ("vgg_digits", {"layout": [16, "P"]}, r"layout is \[16, 'P'\]"),
        ("vgg_digits", {"layout": ["M"]}, r"layout is \['M'\]"),
    ],
)
def test_what_cannot_be_built_says_why(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        _named(name, **SMALL, options=options)


def test_checking_names_and_choices_of_weights_needs_no_torch() -> None:
    code = "import prunepipe.networks.choice, prunepipe.study.controls, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
