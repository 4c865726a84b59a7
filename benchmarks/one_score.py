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
from prunepipe.seeds import torch_generator

prepare_process(1)
name, count = sys.argv[1], int(sys.argv[2])
network, _ = build("vgg19", Options(torch.device("cpu"), quick=len(sys.argv) > 3))
images, labels = made_up(count)
if name != "nothing":
    batches = [(torch.from_numpy(images).float() / 255, torch.from_numpy(labels))]
    score_network(
        network,
        load_function(SCORES[name].function),
        batches,
        F.cross_entropy,
        generator=torch_generator(0, name),
    )
