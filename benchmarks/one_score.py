"""Score VGG19 once in a separate process: `python one_score.py SCORE IMAGES`; `nothing` scores nothing."""

from __future__ import annotations

import sys

import torch
from measuring import Options
from steps import build, made_up
from torch.nn import functional as F

from prunepipe.execution.devices import prepare_process
from prunepipe.plugins import load_function
from prunepipe.pruning.rounds import score_network
from prunepipe.pruning.scores import SCORES
from prunepipe.pruning.scores.enforcing import Scorer
from prunepipe.seeds import torch_generator


def score_vgg19(name: str, count: int, options: Options) -> None:
    """Build VGG19 and score it on so many made-up images in one batch; `nothing` only builds it."""
    network, _ = build("vgg19", options)
    images, labels = made_up(count)
    if name == "nothing":
        return
    pixels = torch.from_numpy(images).to(options.device).float() / 255
    batches = [(pixels, torch.from_numpy(labels).to(options.device))]
    scorer = Scorer(load_function(SCORES[name].function), name)
    score_network(network, scorer, batches, F.cross_entropy, generator=torch_generator(0, name))


if __name__ == "__main__":
    prepare_process(1)
    score_vgg19(sys.argv[1], int(sys.argv[2]), Options(torch.device("cpu"), quick=len(sys.argv) > 3))
