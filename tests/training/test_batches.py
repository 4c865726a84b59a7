"""Batches: the last one holds what is left over, and a few images join the batch before it."""

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


@pytest.mark.parametrize(("size", "joining"), [(2, 1), (3, 1), (16, 1), (32, 1), (64, 3), (256, 4)])
def test_every_image_is_in_one_batch_and_few_left_over_join_the_last(size: int, joining: int) -> None:
    for count in range(2, 600):
        bounds = batch_bounds(count, size)
        assert [place for start, end in bounds for place in range(start, end)] == list(range(count))
        whole, left_over = divmod(count, size)
        usual = [size] * whole + [left_over] * (left_over > 0)
        if whole and 0 < left_over <= joining:
            usual = [*usual[:-2], size + left_over]
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


def test_a_single_training_image_is_refused() -> None:
    with pytest.raises(TrainingError, match="the training set holds one image"):
        train(network(), image_set(1), image_set(20, 0), TrainingPlan(RECIPE, 0, "dense"))


# Cutout.


def holed(side: int, channels_last: bool = False, cutout: int = 5) -> tuple[torch.Tensor, torch.Tensor, Any]:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 3, side, side + 4), dtype=np.uint8)
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
        middle = (holes[:, 5 + place] * torch.tensor([side, side + 4])).long().tolist()
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


# Mixed images.


def mixed(count: int = 40, **augmentation: float) -> tuple[Any, Any, Any]:
    """A batch with and without mixing, and the draws."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, 3, 6, 8), dtype=np.uint8)
    data = ImageSet(pixels, np.arange(count) % 4, (0.3,) * 3, (0.4,) * 3, classes=4, device=CPU)
    draws, plain = (
        draw_epoch(count, Augmentation(flip=True, **options), torch_generator(0, "mix"))
        for options in (augmentation, {})
    )
    for part in ("order", "rows", "columns", "flips"):
        assert getattr(draws, part).equal(getattr(plain, part))
    return data.batch(draws, 5, count), data.batch(plain, 5, count), draws


def test_mixup_averages_images_and_labels_by_the_same_share() -> None:
    (images, labels), (plain, classes), draws = mixed(mixup=0.4)
    for place in range(len(plain)):
        share = draws.shares[5 + place].item()
        torch.testing.assert_close(images[place], share * plain[place] + (1 - share) * plain[place - 1])
        expected = torch.zeros(4)
        expected[classes[place]] += share
        expected[classes[place - 1]] += 1 - share
        torch.testing.assert_close(labels[place], expected)


def test_cutmix_gives_labels_the_share_of_the_pixels_that_each_image_covers() -> None:
    (images, labels), (plain, classes), draws = mixed(cutmix=1.0)
    for place in range(len(plain)):
        own = (images[place] == plain[place]).all(0)
        assert (own | (images[place] == plain[place - 1]).all(0)).all()
        rows, columns = (~own).nonzero(as_tuple=True)
        if len(rows):  # a rectangle
            assert len(rows) == (rows.max() - rows.min() + 1) * (columns.max() - columns.min() + 1)
        if classes[place] != classes[place - 1]:
            assert labels[place, classes[place]].item() == pytest.approx(own.float().mean().item())
    assert labels.sum(1).allclose(torch.ones(len(labels)))
    assert abs(draws.shares.mean().item() - 0.5) < 0.15


def test_shares_follow_the_beta_distribution() -> None:
    shares = draw_epoch(20_000, Augmentation(mixup=0.3), torch_generator(0, "beta")).shares
    assert shares is not None
    assert ((shares >= 0) & (shares <= 1)).all()
    assert shares.mean().item() == pytest.approx(0.5, abs=0.01)
    assert shares.var().item() == pytest.approx(1 / (4 * (2 * 0.3 + 1)), rel=0.03)


def test_a_step_on_mixed_labels_is_torchs_loss_of_shares() -> None:
    (images, labels), _, _ = mixed(mixup=1.0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 6 * 8, 4))
    expected = nn.functional.cross_entropy(model(images), labels)
    step = TrainingStep(model, RECIPE, None, "float32")
    step(images, labels, 0.1)
    assert step.loss.item() / len(labels) == pytest.approx(expected.item(), rel=1e-6)


def test_a_recipe_mixes_in_one_way() -> None:
    with pytest.raises(ValueError, match=r"mixup = 0.2 and cutmix = 1 cannot be combined; leave one out"):
        Augmentation(mixup=0.2, cutmix=1.0)
    assert Augmentation(flip=True, mixup=0.2).unmixed == Augmentation(flip=True)


@pytest.mark.parametrize(("count", "size"), [(898, 16), (898, 32), (50_000, 64), (5000, 64), (20_000, 128)])
def test_shipped_studies_keep_their_last_batch(count: int, size: int) -> None:
    assert batch_bounds(count, size)[-1] == (count - count % size, count)
