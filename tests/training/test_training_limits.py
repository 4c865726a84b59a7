"""Training at its limits: layers that are frozen or not used, an update that diverges."""

import numpy as np
import pytest
import torch
from test_training import RECIPE, image_set, network, random_mask
from torch import nn

from prunepipe.errors import TrainingError
from prunepipe.networks.state import arrays_of
from prunepipe.study.recipe import Recipe
from prunepipe.training.loop import TrainingPlan, train


class Partly(nn.Module):
    """A network with a frozen layer and one that its forward pass leaves out."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen = nn.Conv2d(1, 4, 3).requires_grad_(False)
        self.head = nn.Linear(4 * 36, 10)
        self.unused = nn.Linear(5, 5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.frozen(images).relu().flatten(1))
        return logits


def test_frozen_and_unused_layers_are_left_alone_and_their_masks_enforced() -> None:
    torch.manual_seed(0)
    model = Partly()
    mask, before = random_mask(model), arrays_of(model)
    end = train(model, image_set(), image_set(), TrainingPlan(RECIPE, 0, "retrain"), mask=mask)
    np.testing.assert_array_equal(
        end.weights["frozen.weight"], before["frozen.weight"] * mask["frozen.weight"]
    )
    assert np.abs(end.weights["unused.weight"] - before["unused.weight"] * mask["unused.weight"]).max() < 1e-3
    assert (end.weights["head.weight"] != before["head.weight"]).any()
    assert "momentum/frozen.weight" not in end.optimizer


def test_a_last_update_that_diverges_is_noticed() -> None:
    recipe = Recipe(epochs=1, learning_rate=1e25, batch_size=100)
    with pytest.raises(
        TrainingError, match=r"diverged in epoch 1 of 1 .* lower recipe.learning_rate = 1e\+25"
    ):
        train(network(), image_set(), image_set(), TrainingPlan(recipe, 0, "dense"))
