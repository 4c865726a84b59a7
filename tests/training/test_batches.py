"""Batches: the last one holds what is left over, and a single image joins the batch before it."""

from typing import Any

import numpy as np
import pytest
import torch
from test_training import CPU, RECIPE, image_set, network
from torch import nn

from prunepipe.errors import ConfigError, TrainingError
from prunepipe.seeds import torch_generator
from prunepipe.study.batches import batch_bounds
from prunepipe.study.recipe import Augmentation
from prunepipe.training.images import ImageSet, draw_epoch
from prunepipe.training.loop import TrainingPlan, train
from prunepipe.training.step import TrainingStep


@pytest.mark.parametrize("size", [2, 3, 16, 64])
def test_every_image_is_in_one_batch_and_none_is_alone(size: int) -> None:
    for count in range(2, 200):
        bounds = batch_bounds(count, size)
        assert [place for start, end in bounds for place in range(start, end)] == list(range(count))
        assert all(2 <= end - start <= size + 1 for start, end in bounds)
        left_over = count % size
        usual = [size] * (count // size) + [left_over] * (left_over > 0)
        if left_over != 1:
            assert [end - start for start, end in bounds] == usual


def test_the_reference_keeps_its_last_batch_of_sixteen() -> None:
    bounds = batch_bounds(50_000, 64)
    assert len(bounds) == 782
    assert bounds[-1] == (49_984, 50_000)


class Narrow(nn.Module):
    """A network whose BatchNorm sees one value of each image."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.Linear(8, 10))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layers(images)
        return logits


def test_a_network_with_batch_norm_trains_on_every_size_of_data(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    call = TrainingStep.__call__

    def counted(step: TrainingStep, images: torch.Tensor, *rest: Any) -> None:
        seen.append(len(images))
        call(step, images, *rest)

    monkeypatch.setattr(TrainingStep, "__call__", counted)
    once = RECIPE.model_copy(update={"epochs": 1, "milestones": ()})
    for count in (2, 17, 33):
        end = train(Narrow(), image_set(count), image_set(20, 0), TrainingPlan(once, 0, "dense"))
        assert np.isfinite(end.history[-1]["train_loss"])
    assert seen == [2, 17, 16, 17]


@pytest.mark.parametrize(("count", "told"), [(18, True), (24, False)])
def test_divergence_points_to_a_last_batch_that_is_small_for_batch_norm(count: int, told: bool) -> None:
    wild = RECIPE.model_copy(update={"learning_rate": 1e30})
    with pytest.raises(TrainingError) as raised:
        train(network(), image_set(count), image_set(20, 0), TrainingPlan(wild, 0, "dense"))
    assert ("The last batch holds 2 images, few for BatchNorm" in str(raised.value)) == told


def test_a_single_training_image_is_refused() -> None:
    with pytest.raises(TrainingError, match="the training set holds one image"):
        train(network(), image_set(1), image_set(20, 0), TrainingPlan(RECIPE, 0, "dense"))


# Cutout.


def holed(side: int, channels_last: bool = False, cutout: int = 5) -> tuple[torch.Tensor, torch.Tensor, Any]:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 3, side, side), dtype=np.uint8)
    data = ImageSet(
        pixels,
        np.zeros(40, np.int64),
        (0.3,) * 3,
        (0.4,) * 3,
        crop_padding=1,
        cutout=cutout,
        channels_last=channels_last,
        device=CPU,
    )
    with_hole, without = (
        draw_epoch(40, Augmentation(crop_padding=1, flip=True, cutout=size), torch_generator(0, "hole"))
        for size in (cutout, 0)
    )
    assert with_hole.order.equal(without.order)
    assert with_hole.flips.equal(without.flips)
    return data.batch(with_hole, 5, 40)[0], data.batch(without, 5, 40)[0], with_hole.holes


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("side", [8, 12])
def test_cutout_sets_one_square_to_the_mean_and_nothing_else(side: int, channels_last: bool) -> None:
    cut, whole, holes = holed(side, channels_last)
    for place in range(len(cut)):
        middle = (holes[:, 5 + place] * side).long().tolist()
        expected = whole[place].clone()
        rows, columns = (slice(max(0, at - 2), at + 3) for at in middle)
        expected[:, rows, columns] = 0
        torch.testing.assert_close(cut[place], expected, rtol=0, atol=0)
    assert len(set(map(tuple, (holes * side).long().T.tolist()))) > 25  # every image has its own


def test_a_hole_as_large_as_the_image_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"recipe.augmentation.cutout: 8 must be below the side .*, 8 pixels"
    ):
        holed(8, cutout=8)
