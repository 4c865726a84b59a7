"""SynFlow by hand, by its conservation law, and with BatchNorm."""

import pytest
import torch
from small_networks import random_batch, score, seeded
from torch import nn

from prunepipe.pruning.scores.synflow import synflow


def test_synflow_by_hand_on_two_linear_layers() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False))
    with torch.no_grad():
        network[1].weight.copy_(torch.tensor([[1.0, -2.0], [3.0, 0.0]]))
        network[3].weight.copy_(torch.tensor([[-5.0, 7.0]]))
    scores = score(synflow, network, [(torch.zeros(1, 2, 1, 1), torch.zeros(1))])
    assert scores["1.weight"].tolist() == [[5.0, 10.0], [21.0, 0.0]]
    assert scores["3.weight"].tolist() == [[15.0, 21.0]]
    assert scores["1.weight"].dtype == torch.float64


def test_synflow_is_conserved_from_layer_to_layer() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 5, 3, bias=False),
        nn.ReLU(),
        nn.Conv2d(5, 4, 2, bias=False),
        nn.Flatten(),
        nn.Linear(36, 3, bias=False),
    )
    totals = [float(layer.sum()) for layer in score(synflow, network, [random_batch(1)]).values()]
    assert totals == pytest.approx([totals[0]] * 3)


def test_synflow_uses_running_statistics_of_batch_norm_and_absolute_values_of_all() -> None:
    network = seeded(
        nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(1, 1, bias=False))
    )
    values = [abs(float(tensor)) for tensor in network.state_dict().values()]
    weight, bias, gain, shift, mean, variance, _, last = values
    slope = gain / (variance + 1e-5) ** 0.5
    scores = score(synflow, network.train(), [(torch.zeros(1, 1, 1, 1), torch.zeros(1))])
    assert float(scores["0.weight"]) == pytest.approx(weight * slope * last)
    assert float(scores["3.weight"]) == pytest.approx(abs(((weight + bias - mean) * slope + shift) * last))


def test_synflow_holds_what_float32_cannot() -> None:
    layers = [nn.Linear(4, 4, bias=False) for _ in range(30)]
    network = nn.Sequential(nn.Flatten(), *layers)
    with torch.no_grad():
        for layer in layers:
            layer.weight.fill_(1e-3)
    scores = score(synflow, network, [(torch.zeros(1, 4, 1, 1), torch.zeros(1))])
    assert all((layer > 0).all() for layer in scores.values())


@pytest.mark.parametrize(
    "values", [torch.tensor([True, False]), torch.tensor([-2, 1])], ids=["bool", "int64"]
)
def test_synflow_leaves_buffers_alone_that_are_no_numbers_of_its_flow(values: torch.Tensor) -> None:
    class Picking(nn.Linear):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return super().forward(images.flatten(1)[:, self.chosen])

    network = Picking(1 if values.dtype == torch.bool else 2, 3, bias=False)
    network.register_buffer("chosen", values)
    scores = score(synflow, network, [(torch.zeros(1, 2, 1, 1), torch.zeros(1))])
    torch.testing.assert_close(scores["weight"], network.weight.detach().abs().double())
