"""BatchNorm's statistics made anew: the averages over one pass, in their own stream, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_training import AUGMENTED, CPU, RECIPE, image_set, network, random_mask
from torch import nn

from prunepipe.errors import ConfigError
from prunepipe.networks.state import arrays_of
from prunepipe.seeds import torch_generator
from prunepipe.study.batches import batch_bounds
from prunepipe.training.batch_norm import refresh
from prunepipe.training.images import draw_epoch
from prunepipe.training.loop import TrainingPlan, predict, refresh_statistics, train

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def norms(model: nn.Module) -> dict[str, nn.BatchNorm2d]:
    return {name: module for name, module in model.named_modules() if isinstance(module, nn.BatchNorm2d)}


def averaged(model: nn.Module, batches: list[torch.Tensor]) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Mean and unbiased variance of what each BatchNorm receives, averaged over batches by hand."""
    seen: dict[str, list[torch.Tensor]] = {name: [] for name in norms(model)}
    for name, module in norms(model).items():
        module.register_forward_hook(lambda _, inputs, out, name=name: seen[name].append(inputs[0].double()))
        module.train()
    with torch.no_grad():
        for batch in batches:
            model(batch)
    over = (0, 2, 3)
    return {
        name: (
            torch.stack([values.mean(over) for values in received]).mean(0),
            torch.stack([values.var(over) for values in received]).mean(0),
        )
        for name, received in seen.items()
    }


def test_statistics_are_the_averages_over_all_training_images() -> None:
    images, model, twin = image_set(100), network(), network()
    draws = draw_epoch(100, AUGMENTED, torch_generator(3, "any"))
    with torch.no_grad():
        model.train()(images.batch(draws, 0, 16)[0])  # statistics that must be forgotten
    before = arrays_of(model)
    refresh(model.eval(), images, AUGMENTED, 16, torch_generator(3, "any"))
    batches = [images.batch(draws, *bounds)[0] for bounds in batch_bounds(100, 16)]
    for name, (mean, variance) in averaged(twin.eval(), batches).items():
        layer = norms(model)[name]
        torch.testing.assert_close(layer.running_mean.double(), mean, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(layer.running_var.double(), variance, rtol=1e-4, atol=1e-6)
        assert (layer.momentum, layer.training) == (0.1, False)
        assert layer.num_batches_tracked == len(batches) == 7
    after = arrays_of(model)
    assert all((after[name] == before[name]).all() for name in before if not name.endswith(STATISTICS))


def test_dropout_stays_off_and_the_mode_stays() -> None:
    class Dropping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.drop, self.norm = nn.Dropout(0.9), nn.BatchNorm2d(1)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.norm(self.drop(images))

    images, model = image_set(40), Dropping()
    draws = draw_epoch(40, AUGMENTED, torch_generator(0, "any"))
    refresh(model, images, AUGMENTED, 40, torch_generator(0, "any"))
    torch.testing.assert_close(model.norm.running_mean, images.batch(draws, 0, 40)[0].mean((0, 2, 3)))
    assert model.training


def test_a_network_without_batch_norm_is_refused() -> None:
    plain = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    with pytest.raises(ConfigError, match="no BatchNorm whose statistics could be refreshed"):
        refresh(plain, image_set(40), AUGMENTED, 16, torch_generator(0, "any"))


def test_training_ends_with_fresh_statistics_and_the_same_weights() -> None:
    training_set, test_set = image_set(), image_set(50, 0, seed=1)
    mask = random_mask(network())
    plan = TrainingPlan(RECIPE, seed=0, purpose="retrain")
    ends = [
        train(network(), training_set, test_set, replace(plan, refresh_batch_norm=choice), mask=mask)
        for choice in (False, True)
    ]
    old, new = (end.weights for end in ends)
    for name in old:
        assert name.endswith(STATISTICS) != np.array_equal(old[name], new[name]), name
    model = network()
    model.load_state_dict({name: torch.from_numpy(value).clone() for name, value in old.items()})
    refresh_statistics(model, training_set, plan)
    assert all((arrays_of(model)[name] == new[name]).all() for name in new)
    logits = predict(model, test_set, "float32")
    np.testing.assert_array_equal(ends[1].logits, logits.numpy())
    accuracy = 100 * float((logits.argmax(1) == test_set.labels).double().mean())
    assert ends[1].history[-1]["test_accuracy"] == accuracy
    assert ends[0].history[0] == ends[1].history[0]
    assert training_set.device == CPU
