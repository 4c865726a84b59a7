"""The training loop: equal to a plain one bit for bit, masks enforced, schedule a function of the epoch."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from prunepipe.errors import TrainingError
from prunepipe.networks.building import make_network
from prunepipe.networks.initialisation import initialise
from prunepipe.networks.state import arrays_of
from prunepipe.seeds import torch_generator
from prunepipe.study.recipe import Augmentation, Recipe
from prunepipe.training.images import Draws, ImageSet, draw_epoch
from prunepipe.training.loop import TrainingPlan, train
from prunepipe.training.step import TrainingStep

CPU = torch.device("cpu")
AUGMENTED = Augmentation(crop_padding=1, flip=True)
RECIPE = Recipe(epochs=2, learning_rate=0.05, milestones=(1,), batch_size=16, augmentation=AUGMENTED)


def image_set(count: int = 100, padding: int = 1, seed: int = 0) -> ImageSet:
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 256, (count, 1, 8, 8), dtype=np.uint8)
    labels = generator.integers(0, 10, count)
    return ImageSet(images, labels, (0.3,), (0.4,), crop_padding=padding, classes=10, device=CPU)


def network(seed: int = 0) -> nn.Module:
    built = make_network("prunepipe.networks.vgg:vgg_digits", channels=1, classes=10, image_size=8)
    initialise(built, generator=torch_generator(seed, "init"))
    return built


def random_mask(model: nn.Module) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(1)
    return {
        name: generator.random(tuple(weight.shape)) < 0.3
        for name, weight in model.named_parameters()
        if weight.ndim > 1
    }


def plain_step(model: nn.Module, momentum: dict, images: Any, labels: Any, rate: float, mask: dict) -> None:
    """One step as the paper's code takes it: gradients and weights masked layer by layer."""
    model.zero_grad()
    F.cross_entropy(model(images), labels).backward()
    for name, weight in model.named_parameters():
        gradient = weight.grad.add(weight.data, alpha=1e-4)
        if name in mask:
            gradient = gradient * torch.from_numpy(mask[name]).float()
        momentum[name] = gradient.clone() if name not in momentum else momentum[name].mul_(0.9).add_(gradient)
        weight.data.add_(momentum[name], alpha=-rate)


def test_fifty_steps_equal_a_plain_loop_bit_for_bit() -> None:
    ours, plain = network(), network()
    mask = random_mask(ours)
    data, momentum = image_set(), {}
    step = TrainingStep(ours, RECIPE, mask, "float32")
    for name, weight in plain.named_parameters():
        if name in mask:
            weight.data *= torch.from_numpy(mask[name]).float()
    draws = draw_epoch(len(data), AUGMENTED, torch_generator(0, "test"))
    for number in range(50):
        images, labels = data.batch(draws, number % 6 * 16, number % 6 * 16 + 16)
        step(images, labels, 0.05)
        plain_step(plain, momentum, images, labels, 0.05, mask)
    for name, value in arrays_of(plain).items():
        np.testing.assert_array_equal(arrays_of(ours)[name], value, err_msg=name)


def test_the_update_is_that_of_torch_sgd() -> None:
    ours, theirs = network(), network()
    step = TrainingStep(ours, RECIPE, None, "float32")
    optimiser = torch.optim.SGD(theirs.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4, foreach=True)
    data = image_set()
    for _ in range(5):
        images, labels = data.plain(0, 16)
        step(images, labels, 0.05)
        optimiser.zero_grad()
        F.cross_entropy(theirs(images), labels).backward()
        optimiser.step()
    for name, value in arrays_of(theirs).items():
        np.testing.assert_array_equal(arrays_of(ours)[name], value, err_msg=name)


def test_pruned_weights_stay_zero_and_kept_ones_move() -> None:
    model = network()
    mask, before = random_mask(model), arrays_of(model)
    trained = train(
        model, image_set(), image_set(20, 0), TrainingPlan(RECIPE, 0, "retrain"), mask=mask
    ).weights
    for name, kept in mask.items():
        assert not trained[name][~kept].any()
        assert (trained[name][kept] != before[name][kept]).mean() > 0.99


def test_a_broken_mask_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network()
    monkeypatch.setattr(TrainingStep, "apply_mask", lambda self: None)
    with pytest.raises(TrainingError, match="a pruned weight is not zero after epoch 1"):
        train(
            model, image_set(), image_set(20, 0), TrainingPlan(RECIPE, 0, "retrain"), mask=random_mask(model)
        )


def test_divergence_names_the_epoch_and_the_setting() -> None:
    wild = RECIPE.model_copy(update={"learning_rate": 1e30})
    with pytest.raises(
        TrainingError, match=r"diverged in epoch 1 of 2 .*lower recipe.learning_rate = 1e\+30"
    ):
        train(network(), image_set(), image_set(20, 0), TrainingPlan(wild, 0, "dense"))


def test_the_learning_rate_drops_after_the_listed_epochs() -> None:
    recipe = Recipe(epochs=5, learning_rate=0.1, milestones=(2, 4))
    rates = [recipe.learning_rate_of(epoch) for epoch in range(5)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001])


def test_history_has_a_row_an_epoch_and_its_last_accuracy_is_the_networks() -> None:
    test_set = image_set(30, 0, seed=5)
    model = network()
    end = train(model, image_set(), test_set, TrainingPlan(RECIPE, 0, "dense"))
    assert [row["epoch"] for row in end.history] == [1, 2]
    assert [row["learning_rate"] for row in end.history] == pytest.approx([0.05, 0.005])
    model.eval()
    with torch.no_grad():
        right = (model(test_set.plain(0, 30)[0]).argmax(1) == test_set.labels).double().mean().item()
    assert end.history[-1]["test_accuracy"] == pytest.approx(100 * right)


def test_equal_seeds_give_equal_bytes_and_others_do_not() -> None:
    def ends(seed: int, purpose: str) -> bytes:
        end = train(network(), image_set(), image_set(20, 0), TrainingPlan(RECIPE, seed, purpose))
        return b"".join(value.tobytes() for value in end.weights.values())

    assert ends(0, "dense") == ends(0, "dense")
    assert ends(0, "dense") != ends(1, "dense")
    assert ends(0, "dense") != ends(0, "retrain")


def test_snapshots_are_the_weights_of_their_epoch() -> None:
    plan = TrainingPlan(RECIPE, 0, "dense", snapshot_epochs=(1,))
    short = RECIPE.model_copy(update={"epochs": 1})
    end = train(network(), image_set(), image_set(20, 0), plan)
    once = train(network(), image_set(), image_set(20, 0), TrainingPlan(short, 0, "dense"))
    assert list(end.snapshots) == [1]
    for name, value in once.weights.items():
        np.testing.assert_array_equal(end.snapshots[1][name], value)


def test_the_remaining_schedule_starts_at_its_epoch() -> None:
    end = train(network(), image_set(), image_set(20, 0), TrainingPlan(RECIPE, 0, "retrain", first_epoch=1))
    assert [row["epoch"] for row in end.history] == [2]
    assert end.history[0]["learning_rate"] == pytest.approx(0.005)


# Images.


def test_a_crop_is_a_window_of_the_black_padded_image_then_normalised() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (10, 1, 8, 5), dtype=np.uint8)
    data = ImageSet(pixels, np.arange(10), (0.3,), (0.4,), crop_padding=2, device=CPU)
    padded = np.pad(pixels, ((0, 0), (0, 0), (2, 2), (2, 2)))
    draws = draw_epoch(10, Augmentation(crop_padding=2, flip=True), torch_generator(0, "crop"))
    images, labels = data.batch(draws, 3, 9)
    for place in range(6):
        source, row, column = (int(part[3 + place]) for part in (draws.order, draws.rows, draws.columns))
        window = padded[source, :, row : row + 8, column : column + 5]
        window = window[:, :, ::-1] if draws.flips[3 + place] else window
        np.testing.assert_allclose(images[place].numpy(), (window / 255 - 0.3) / 0.4, rtol=1e-5, atol=1e-6)
        assert labels[place] == data.labels[source]


def test_every_image_has_its_own_crop_and_flip_and_comes_once_an_epoch() -> None:
    draws = draw_epoch(1000, Augmentation(crop_padding=4, flip=True), torch_generator(0, "draws"))
    assert sorted(draws.order.tolist()) == list(range(1000))
    for offsets in (draws.rows, draws.columns):
        assert set(offsets.tolist()) == set(range(9))
    assert 400 < draws.flips.sum() < 600
    assert len({tuple(row) for row in zip(draws.rows.tolist(), draws.columns.tolist(), strict=True)}) == 81


def test_without_augmentation_images_are_only_normalised() -> None:
    data = image_set(10, padding=0)
    still = draw_epoch(10, Augmentation(), torch_generator(0, "still"), shuffle=False)
    torch.testing.assert_close(data.batch(still, 0, 10)[0], data.plain(0, 10)[0], rtol=0, atol=0)


def test_the_last_partial_batch_is_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    call = TrainingStep.__call__

    def counted(step: TrainingStep, images: torch.Tensor, labels: torch.Tensor, rate: float) -> None:
        seen.append(len(images))
        call(step, images, labels, rate)

    monkeypatch.setattr(TrainingStep, "__call__", counted)
    once = RECIPE.model_copy(update={"epochs": 1, "milestones": ()})
    train(network(), image_set(100), image_set(20, 0), TrainingPlan(once, 0, "dense"))
    assert seen == [16] * 6 + [4]


def test_file_order_is_kept_when_asked() -> None:
    draws = draw_epoch(5, AUGMENTED, torch_generator(0, "x"), shuffle=False)
    assert isinstance(draws, Draws)
    assert draws.order.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("side", [8, 12, 14, 7])
@pytest.mark.parametrize("channels", [1, 3])
def test_layouts_hold_the_same_pixels_whatever_the_width(side: int, channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, channels, side, side), dtype=np.uint8)
    labels, constants = np.zeros(20, np.int64), ((0.3,) * channels, (0.4,) * channels)
    draws = draw_epoch(20, AUGMENTED, torch_generator(0, "layout"))
    sets = [
        ImageSet(pixels, labels, *constants, crop_padding=1, channels_last=last, device=CPU)
        for last in (False, True)
    ]
    (plain, _), (last, _) = (data.batch(draws, 0, 20) for data in sets)
    assert plain.is_contiguous()
    assert last.stride() == (side * side * channels, 1, side * channels, channels)
    torch.testing.assert_close(plain, last, rtol=0, atol=0)
    padded = np.pad(pixels, ((0, 0), (0, 0), (1, 1), (1, 1)))
    for place in range(20):
        source, row, column = (int(part[place]) for part in (draws.order, draws.rows, draws.columns))
        window = padded[source, :, row : row + side, column : column + side]
        window = window[:, :, ::-1] if draws.flips[place] else window
        np.testing.assert_allclose(plain[place].numpy(), (window / 255 - 0.3) / 0.4, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("evaluate", "epochs", "measured"),
    [
        ("every epoch", 5, [1, 2, 3, 4, 5]),
        ("last", 5, [5]),
        ("every 2", 5, [2, 4, 5]),
        ("every 9", 5, [5]),
        (None, 20, list(range(1, 21))),
        (None, 160, list(range(8, 161, 8))),
    ],
)
def test_the_test_accuracy_is_measured_when_the_recipe_says(
    evaluate: str | None, epochs: int, measured: list[int]
) -> None:
    recipe = Recipe(epochs=epochs, learning_rate=0.1, evaluate=evaluate)
    assert [epoch for epoch in range(1, epochs + 1) if recipe.evaluates_after(epoch)] == measured
    assert recipe.evaluations() == len(measured)
    assert recipe.evaluations(epochs - 1) == 1


def test_measuring_less_often_changes_no_weight_and_keeps_the_points() -> None:
    ends = {}
    for evaluate in ("every epoch", "every 2", "last"):
        recipe = RECIPE.model_copy(update={"epochs": 3, "evaluate": evaluate})
        ends[evaluate] = train(network(), image_set(), image_set(20, 0), TrainingPlan(recipe, 0, "dense"))
    full = ends["every epoch"]
    for end in ends.values():
        assert [row["epoch"] for row in end.history] == [1, 2, 3]
        for row, expected in zip(end.history, full.history, strict=True):
            assert row == {key: value for key, value in expected.items() if key in row}
        for name, value in full.weights.items():
            np.testing.assert_array_equal(end.weights[name], value)
        assert end.logits is not None
        np.testing.assert_array_equal(end.logits, full.logits)
    points = {
        key: [row["epoch"] for row in end.history if "test_accuracy" in row] for key, end in ends.items()
    }
    assert points == {"every epoch": [1, 2, 3], "every 2": [2, 3], "last": [3]}
