"""The contract of the pipeline on networks of today: scores, allocations, connectivity, masks, training, files."""

from __future__ import annotations

import copy
from functools import partial
from pathlib import Path
from typing import Any

import modern_networks as modern
import numpy as np
import pytest
import torch
from modern_networks import CHANNELS, CLASSES, SIZE
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import prune

from prunepipe.artifacts import Arrays
from prunepipe.datasets.dataset import Dataset
from prunepipe.errors import ConfigError, PrunepipeError, ScoreError
from prunepipe.networks.building import make_network
from prunepipe.networks.choice import PrunableChoice
from prunepipe.networks.connectivity import connectivity
from prunepipe.networks.parameters import parameter_rows, unasked_share
from prunepipe.networks.prunable import prunable, pruned_weights
from prunepipe.networks.recording import record
from prunepipe.networks.state import arrays_of, load_arrays
from prunepipe.networks.tracing import trace
from prunepipe.plugins import load_function
from prunepipe.pruning.allocations import ALLOCATIONS
from prunepipe.pruning.checks import apply_mask, reinit, shuffle_weights
from prunepipe.pruning.masks import select
from prunepipe.pruning.rounds import score_network
from prunepipe.pruning.scores import SCORES
from prunepipe.pruning.scores.enforcing import Scorer
from prunepipe.pruning.tickets import read_ticket, write_ticket
from prunepipe.seeds import torch_generator
from prunepipe.stages.initialising import initialise_on
from prunepipe.stages.schemas.initialising import InitialSettings
from prunepipe.study.recipe import Recipe
from prunepipe.training.step import TrainingStep

FILE = str(Path(modern.__file__))
NAMES = ["vit", "torch_transformer", "conv1d", "volumes", "mixer", "convnext", "mlp", "unused", "two_names"]
WITHOUT_PATHS = ("vit", "torch_transformer", "mixer", "convnext")
"""Networks that normalise over features."""


def built(name: str, size: Any = SIZE, **options: Any) -> nn.Module:
    return make_network(f"{FILE}:{name}", channels=CHANNELS, classes=CLASSES, image_size=size, **options)


def seeded(name: str, **options: Any) -> nn.Module:
    """A network whose every number is drawn anew, in float64, so that nothing is 0 or 1 by chance."""
    network = built(name, **options).double()
    generator = torch_generator(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return network


def batch(images: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch_generator(2)
    return torch.randn(images, CHANNELS, SIZE, SIZE, generator=generator, dtype=torch.float64), torch.arange(
        images
    ) % CLASSES


def scores_of(name: str, network: nn.Module, **options: Any) -> Arrays:
    scorer = Scorer(load_function(SCORES[name].function), name, options)
    return score_network(network, scorer, [batch()], cross_entropy, generator=torch_generator(0))


def random_mask(network: nn.Module, density: float, seed: int = 0) -> Arrays:
    generator = np.random.default_rng(seed)
    return {
        name: generator.random(tuple(weight.shape)) < density for name, weight in prunable(network).items()
    }


def dataset(size: tuple[int, int] = (SIZE, SIZE)) -> Dataset:
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (12, CHANNELS, *size), np.uint8)
    labels = np.arange(12) % CLASSES
    return Dataset(images, labels, images, labels, CLASSES, (0.5,) * CHANNELS, (0.5,) * CHANNELS)


def settings(name: str, **network: Any) -> InitialSettings:
    return InitialSettings.model_validate(
        {"network": {"reference": f"{FILE}:{name}", **network}, "seed": 0, "draw": "init"}
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_weight_matrix_is_pruned_but_raw_parameters_and_tables(name: str) -> None:
    network = built(name)
    dense = {row.name for row in parameter_rows(network) if len(row.shape) > 1 and not row.pruned}
    assert dense <= {"positions", "positions.weight", "spare"}
    structure = trace(network, (CHANNELS, SIZE, SIZE))
    assert structure.shapes == {name: tuple(weight.shape) for name, weight in prunable(network).items()}


def test_attention_is_one_entry_for_its_packed_input_projection_and_one_for_its_output() -> None:
    names = [name for name in prunable(built("torch_transformer")) if "attn" in name]
    assert names == ["encoder.self_attn.in_proj_weight", "encoder.self_attn.out_proj.weight"]
    apart = nn.MultiheadAttention(4, 2, kdim=3, vdim=5)
    assert [weight.name for weight in pruned_weights(apart)] == [
        "q_proj_weight",
        "k_proj_weight",
        "v_proj_weight",
        "out_proj.weight",
    ]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("score", SCORES)
def test_every_score_ranks_every_weight_or_refuses_by_name(name: str, score: str) -> None:
    network = seeded(name)
    if score == "synflow" and name in WITHOUT_PATHS:
        with pytest.raises(ScoreError, match=r"synflow: the network uses .*native_layer_norm"):
            scores_of(score, network)
        return
    found = scores_of(score, network)
    assert {layer: scores.shape for layer, scores in found.items()} == {
        layer: tuple(weight.shape) for layer, weight in prunable(network).items()
    }
    assert all(
        scores.any() == (layer != "never.weight")
        for layer, scores in found.items()
        if score not in ("magnitude", "random")
    )


@pytest.mark.parametrize("name", NAMES)
def test_obd_is_the_loop_over_images_and_labels(name: str) -> None:
    network = seeded(name)
    scored = copy.deepcopy(network).eval()
    weights = prunable(scored)
    expected = {layer: torch.zeros_like(weight) for layer, weight in weights.items()}
    images, _ = batch()
    for image in images.split(1):
        chances = scored(image).softmax(1).detach()[0]
        for label in range(CLASSES):
            loss = cross_entropy(scored(image), torch.tensor([label]))
            slopes = torch.autograd.grad(loss, list(weights.values()), materialize_grads=True)
            for layer, slope in zip(weights, slopes, strict=True):
                expected[layer] += chances[label] * slope**2 / len(images)
    found = scores_of("obd", network)
    for layer, weight in weights.items():
        saliency = (0.5 * expected[layer] * weight**2).detach().numpy()
        np.testing.assert_allclose(found[layer], saliency, rtol=1e-6, atol=1e-12 * saliency.max())


@pytest.mark.parametrize(
    "name", [name for name in NAMES if name not in ("mlp", "volumes", "unused", "conv1d", "two_names")]
)
def test_grasp_is_the_weight_times_the_slope_of_the_gradient_along_itself(name: str) -> None:
    """Smooth networks alone: the slope is a central difference."""
    network = seeded(name)
    images, labels = batch()
    parts = [(images[:2], labels[:2]), (images[2:], labels[2:])]

    def gradient(moved: nn.Module) -> dict[str, torch.Tensor]:
        weights = prunable(moved)
        loss = sum(cross_entropy(moved(part) / 200.0, target) for part, target in parts)
        return dict(
            zip(
                weights,
                torch.autograd.grad(loss, list(weights.values()), materialize_grads=True),
                strict=True,
            )
        )

    flow = gradient(network)
    length = sum(float((slope**2).sum()) for slope in flow.values()) ** 0.5
    step = 1e-4 / length
    ends = []
    for sign in (1, -1):
        moved = copy.deepcopy(network)
        for layer, weight in prunable(moved).items():
            weight.data.add_(sign * step * flow[layer])
        ends.append(gradient(moved))
    found = scores_of("grasp", network)
    largest = max(abs(scores).max() for scores in found.values())
    for layer, weight in prunable(network).items():
        expected = (weight.detach() * (ends[0][layer] - ends[1][layer]) / (2 * step)).numpy()
        np.testing.assert_allclose(found[layer], expected, rtol=1e-4, atol=1e-5 * largest)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("allocation", [name for name in ALLOCATIONS if name != "constructed"])
def test_every_allocation_meets_the_total_or_says_why_not(name: str, allocation: str) -> None:
    network = seeded(name)
    structure = trace(network.float(), (CHANNELS, SIZE, SIZE))
    scores = scores_of("magnitude", network)
    total = structure.size // 5
    try:
        kept = load_function(ALLOCATIONS[allocation].function)(scores, structure, total)
    except ConfigError as error:
        assert allocation not in ("global", "uniform_all", "erk", "lamp")
        assert "write `allocation: erk`" in str(error) or "raise the prune ratio" in str(error)
        return
    assert sum(kept.values()) == total
    mask = select(scores, kept)
    assert sum(int(layer.sum()) for layer in mask.values()) == total


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("density", [0.15, 0.5])
def test_no_weight_that_the_output_feels_is_called_cut_off(name: str, density: float) -> None:
    recording = record(built(name), (CHANNELS, SIZE, SIZE))
    for seed in range(5):
        network = without_shifts(name)
        mask = random_mask(network, density, seed)
        with torch.no_grad():
            for layer, weight in prunable(network).items():
                weight.mul_(torch.from_numpy(mask[layer]))
        logits = network(batch()[0])
        weights = list(prunable(network).values())
        slopes = torch.autograd.grad(logits.square().sum(), weights, materialize_grads=True)
        found = connectivity(mask, recording)
        assert not (found.collapsed and logits.any())
        for (layer, kept), slope in zip(mask.items(), slopes, strict=True):
            assert found.effective[layer] >= int((kept & (slope.numpy() != 0)).sum())


def without_shifts(name: str) -> nn.Module:
    """A network whose only numbers beside the image are factors, so that what it does not see stays zero."""
    network = seeded(name).eval()
    with torch.no_grad():
        for layer, parameter in network.named_parameters():
            if "bias" in layer or "positions" in layer:
                parameter.zero_()
    return network


@pytest.mark.parametrize("name", NAMES)
def test_all_weights_are_effective_until_the_first_layer_is_gone(name: str) -> None:
    recording = record(built(name), (CHANNELS, SIZE, SIZE))
    whole = {layer: np.ones(weight.shape, bool) for layer, weight in recording.weights.items()}
    used = {layer: kept.size * (layer != "never.weight") for layer, kept in whole.items()}
    assert connectivity(whole, recording).effective == used
    first = next(iter(whole))
    assert connectivity({**whole, first: np.zeros_like(whole[first])}, recording).collapsed


def test_dead_units_of_transposed_convolutions_and_tables_are_outputs_not_inputs() -> None:
    network = nn.ConvTranspose2d(4, 6, 2, groups=2)
    by_unit = pruned_weights(network)[0].by_unit
    mask = np.ones((4, 3, 2, 2), bool)
    assert by_unit(mask).shape == (6, 8)
    mask[2:, 1] = False  # the second group's middle output
    assert np.flatnonzero(~by_unit(mask).any(1)).tolist() == [4]
    recording = record(nn.Sequential(network, nn.Flatten(), nn.Linear(6 * 9, 2)), (4, 2, 2))
    found = connectivity({"0.weight": mask, "2.weight": np.ones((2, 54), bool)}, recording)
    assert found.dead_units == {"0.weight": 1, "2.weight": 0}


@pytest.mark.parametrize("name", NAMES)
def test_masks_hold_in_training_and_survive_the_ticket_file(name: str, tmp_path: Path) -> None:
    network = built(name)
    mask = random_mask(network, 0.4)
    recipe = Recipe(epochs=1, learning_rate=0.1)
    step = TrainingStep(network, recipe, mask, "float32")
    before = arrays_of(network)
    images, labels = batch(6)
    for _ in range(3):
        step(images.float(), labels, 0.1)
    assert step.mask_holds()
    after = arrays_of(network)
    assert any(not np.array_equal(before[layer], after[layer]) for layer in mask)
    write_ticket(tmp_path / "ticket.safetensors", after, mask)
    weights, read, _ = read_ticket(tmp_path / "ticket.safetensors")
    assert all(np.array_equal(read[layer], mask[layer]) for layer in mask)
    again = built(name)
    load_arrays(again, weights)
    expected = network.eval()(images.float())
    torch.testing.assert_close(again.eval()(images.float()), expected, rtol=0, atol=0)
    for layer, kept in mask.items():
        module, _, attribute = layer.rpartition(".")
        prune.custom_from_mask(again.get_submodule(module), attribute, torch.from_numpy(kept))
    torch.testing.assert_close(again(images.float()), expected, rtol=0, atol=0)


def test_what_a_check_does_to_a_module_of_two_names_reaches_both() -> None:
    network = built("two_names")
    weights = arrays_of(network)
    assert "layers.0.weight" not in weights
    mask = random_mask(network, 0.5)
    generator = np.random.default_rng(0)
    fresh = {name: value + 1 for name, value in weights.items()}
    for change in (partial(shuffle_weights, generator=generator), partial(reinit, generator=generator)):
        changed = apply_mask(change(weights, mask, fresh), mask)
        load_arrays(network, changed)
        assert np.array_equal(network.layers[0].weight.detach().numpy(), changed["stem.weight"])
        assert not network.layers[0].weight[~torch.from_numpy(mask["stem.weight"])].any()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(8, 16), (16, 4)])
def test_images_need_not_be_square(name: str, size: tuple[int, int]) -> None:
    weights, structure = initialise_on(dataset(size), settings(name))
    assert set(structure.shapes) <= set(weights)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("weight_norm", r"the weight of '0' is not a plain parameter.*exclude: \[0\]"),
        ("tied", r"'head.weight' and 'table.weight' are one shared weight.*exclude: \[head\]"),
        ("auxiliary", r"its forward returns tuple .* must return logits \[2, 3\].*in train mode"),
        ("fails_in_training", r"in train mode, images \[2, 2, 8, 8\] raise IndexError: no way"),
        ("no_gradient", r"no gradient reaches any parameter"),
        ("lazy", r"'1.weight' is of a lazy module"),
    ],
)
def test_what_cannot_be_pruned_or_trained_is_one_line_with_the_networks_name(name: str, message: str) -> None:
    with pytest.raises(PrunepipeError, match=message) as error:
        initialise_on(dataset(), settings(name))
    assert f"modern_networks.py:{name}" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_builder_of_squares_is_told_that_the_images_are_not_square() -> None:
    assert initialise_on(dataset(), settings("squares_only"))
    with pytest.raises(PrunepipeError, match=r"squares_only: raised TypeError.*tuple.*image_size\*\*2"):
        initialise_on(dataset((16, 4)), settings("squares_only"))


@pytest.mark.parametrize(("name", "layer"), [("weight_norm", "0"), ("tied", "head")])
def test_what_is_left_dense_need_not_be_prunable(name: str, layer: str) -> None:
    weights, structure = initialise_on(dataset(), settings(name, prunable={"exclude": [layer]}))
    assert layer + ".weight" not in structure.shapes
    network = built(name)
    load_arrays(network, weights)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"exclude": ["1"]}, ["3.weight", "5.weight"]),
        ({"include": ["3*"]}, ["3.weight"]),
        ({"include": ["*"], "exclude": ["5.weight"]}, ["1.weight", "3.weight"]),
    ],
)
def test_patterns_choose_by_the_name_of_the_weight_or_of_its_layer(
    choice: dict[str, list[str]], expected: list[str]
) -> None:
    patterns = PrunableChoice(**{key: tuple(values) for key, values in choice.items()})
    network = built("mlp", choice=patterns)
    assert list(prunable(network)) == expected
    assert list(prunable(copy.deepcopy(network))) == expected
    reasons = {
        row.name: row.why for row in parameter_rows(network) if row.name.endswith("weight") and not row.pruned
    }
    assert all(why.startswith("prunable.") for why in reasons.values())
    assert unasked_share(network) == 0


def test_tables_are_pruned_on_request_alone() -> None:
    assert "positions.weight" not in prunable(built("torch_transformer"))
    asked = PrunableChoice(include=("*",))
    assert "positions.weight" in prunable(built("torch_transformer", choice=asked))


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (
            PrunableChoice(exclude=("conv9",)),
            r"prunable.exclude: 'conv9' matches no weight .*1.weight, 3.weight",
        ),
        (PrunableChoice(include=("*.head",)), r"prunable.include: '\*.head' matches no weight"),
        (PrunableChoice(include=("1",), exclude=("*",)), "leaves no weight to prune"),
    ],
)
def test_a_choice_that_means_nothing_is_refused(choice: PrunableChoice, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        built("mlp", choice=choice)


def test_many_weights_that_stay_dense_are_recorded_and_few_are_not() -> None:
    _, structure = initialise_on(dataset(), settings("mostly_tables"))
    assert structure.unprunable == pytest.approx(1600 / (1600 + structure.size))
    assert type(structure).from_json(structure.to_json()) == structure
    _, usual = initialise_on(dataset(), settings("vit"))
    assert "unprunable" not in usual.to_json()
