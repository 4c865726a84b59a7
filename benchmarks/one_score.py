"""Score a network once in a separate process: `python one_score.py SCORE NETWORK IMAGES CLASSES`.

The score `nothing` only builds the network.
"""

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


def score_once(score: str, network: str, count: int, options: Options, classes: int = 10) -> None:
    """Build a network and score it on so many made-up images in one batch; `nothing` only builds it."""
    built, _ = build(network, options, classes)
    if score == "nothing":
        return
    images, labels = made_up(count, classes)
    pixels = torch.from_numpy(images).to(options.device).float() / 255
    batches = [(pixels, torch.from_numpy(labels).to(options.device))]
    scorer = Scorer(load_function(SCORES[score].function), score)
    score_network(built, scorer, batches, F.cross_entropy, generator=torch_generator(0, score))


if __name__ == "__main__":
    prepare_process(1)
    options = Options(torch.device("cpu"), quick=len(sys.argv) > 5)
    score_once(sys.argv[1], sys.argv[2], int(sys.argv[3]), options, int(sys.argv[4]))
