"""The stage that draws a network's initial weights and describes its structure."""

from __future__ import annotations

from prunepipe.datasets.dataset import read_dataset
from prunepipe.networks.initialisation import initial_weights
from prunepipe.networks.tracing import trace
from prunepipe.pipeline.inputs import Settings, build
from prunepipe.seeds import torch_generator
from prunepipe.structure import Arrays, Structure


def initialise(data: str, settings: Settings) -> tuple[Arrays, Structure]:
    """Draw a network's initial weights and trace its structure.

    Args:
        data: path of the prepared data set.
        settings: network, seed, and draw: "init", or "reinit" for a second, independent draw.

    Returns:
        The weights, and the structure of the network.
    """
    dataset = read_dataset(data)
    network = build(dataset, settings)
    generator = torch_generator(settings["seed"], settings["draw"])
    weights = {name: value.numpy() for name, value in initial_weights(network, generator=generator).items()}
    channels, image_size = dataset.train_images.shape[1:3]
    return weights, trace(network, channels=channels, image_size=image_size)
