"""Pruning methods in the forms in which others publish them, good and bad; nothing here knows of prunepipe."""

import copy
import os
import signal
import subprocess
import threading
import time
import types
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.utils import prune


def layers_of(network):
    return {
        name: module for name, module in network.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)
    }


def plain_gradient(network, batches, loss):
    """The plainest PyTorch there is: backward, then read `.grad`."""
    network.zero_grad()
    for images, labels in batches:
        loss(network(images), labels).backward()
    return {name: parameter.grad.abs() for name, parameter in network.named_parameters()}


# One answer in many forms


def by_name(network):
    return {f"{name}.weight": module.weight.abs() for name, module in layers_of(network).items()}


def in_bfloat16(network):
    return {name: layer.bfloat16() for name, layer in by_name(network).items()}


def in_float16(network):
    return {name: layer.half() for name, layer in by_name(network).items()}


@torch.inference_mode()
def of_inference(network):
    return by_name(network)


def sparse(network):
    return {name: layer.detach().to_sparse() for name, layer in by_name(network).items()}


def by_module_name(network):
    return {name: module.weight.abs().detach().numpy() for name, module in layers_of(network).items()}


def by_module(network):
    return {module: module.weight.abs().detach() for module in layers_of(network).values()}


def by_parameter(net):
    return {module.weight: module.weight.detach().abs().double() for module in layers_of(net).values()}


def by_id(parameters):
    return {id(parameter): parameter.detach().abs() for parameter in parameters}


def by_module_and_name(model):
    return {(module, "weight"): module.weight.abs() for module in layers_of(model).values()}


def as_list(module):
    return [layer.weight.data.abs().tolist() for layer in layers_of(module).values()]


def with_biases(model, **anything):
    return {name: parameter.data.abs() for name, parameter in model.named_parameters()}


def after_a_mess(first, second, third, *, rng):
    """Leaves the network in another mode, with hooks, gradients and other weights."""
    scores = by_name(first)
    first.eval()
    first.register_forward_hook(lambda *_: None)
    for images, labels in second:
        third(first(images.mul_(2)), labels).backward()
        labels.zero_()
    for parameter in first.parameters():
        parameter.data.zero_()
    return scores


def any_arguments(*arguments, **options):
    return by_name(arguments[0])


class Magnitude:
    """A scorer object without a constructor."""

    def score(self, model):
        return by_name(model)


scorer = Magnitude()


class Callable:
    def __init__(self, power=1.0):
        self.power = power

    def __call__(self, model):
        return {name: scores**self.power for name, scores in by_name(model).items()}


# Pruners on torch.nn.utils.prune


def global_pruner(model, amount=0.2):
    parameters = [(module, "weight") for module in layers_of(model).values()]
    prune.global_unstructured(parameters, pruning_method=prune.L1Unstructured, amount=amount)


def layer_pruner(model, amount=0.2):
    for module in layers_of(model).values():
        prune.l1_unstructured(module, "weight", amount=amount)
    return model


def pruned_copy(model, amount):
    pruned = copy.deepcopy(model)
    global_pruner(pruned, amount)
    for module in layers_of(pruned).values():
        prune.remove(module, "weight")
    return pruned


def bias_pruner(model, amount):
    global_pruner(model, amount)
    prune.l1_unstructured(layers_of(model).popitem()[1], "bias", 1)


# Classes that change the network and restore it


class Snip:
    """Connection sensitivity by gradients of masks that are put into the layers."""

    def __init__(self, model, device):
        self.model = copy.deepcopy(model).to(device)
        self.originals = layers_of(model)

    def score(self, loss, dataloader):
        layers = layers_of(self.model)
        for layer in layers.values():
            layer.mask = nn.Parameter(torch.ones_like(layer.weight))
            layer.weight.requires_grad_(False)
            layer.forward = types.MethodType(_masked_forward, layer)
        self.model.zero_grad()
        images, labels = next(iter(dataloader))
        loss(self.model.forward(images), labels).backward()
        saliences = {name: layer.mask.grad.abs() for name, layer in layers.items()}
        total = sum(salience.sum() for salience in saliences.values())
        return {self.originals[name].weight: salience / total for name, salience in saliences.items()}


def _masked_forward(self, inputs):
    weight = self.weight * self.mask
    if isinstance(self, nn.Conv2d):
        return self._conv_forward(inputs, weight, self.bias)
    return nn.functional.linear(inputs, weight, self.bias)


class SynFlow:
    """Synaptic flow: absolute weights for a while, scores by the id of the parameter."""

    def __init__(self, masked_parameters):
        self.masked_parameters = list(masked_parameters)
        self.scores = {}

    @torch.no_grad()
    def linearize(self, model):
        signs = {name: torch.sign(value) for name, value in model.state_dict().items()}
        for value in model.state_dict().values():
            value.abs_()
        return signs

    @torch.no_grad()
    def restore(self, model, signs):
        for name, value in model.state_dict().items():
            value.mul_(signs[name])

    def score(self, model, loss, dataloader, device):
        signs = self.linearize(model)
        images, _ = next(iter(dataloader))
        model(torch.ones([1, *images[0].shape]).to(device)).sum().backward()
        for _, parameter in self.masked_parameters:
            self.scores[id(parameter)] = (parameter.grad * parameter).detach().abs_()
            parameter.grad.data.zero_()
        self.restore(model, signs)


# Broken ones


def of_another_network(network):
    return by_name(nn.Sequential(nn.Linear(3, 3)))


def of_a_copy(network):
    return by_parameter(copy.deepcopy(network))


def list_of_three(network):
    return [torch.ones(1)] * 3


def twice_named(network):
    return by_name(network) | by_module_name(network)


def partly_a_mask(network):
    scores = by_name(network)
    return scores | {list(scores)[-1]: torch.ones(2, 4, dtype=torch.bool)}


def not_a_number(network):
    scores = by_name(network)
    scores["0.weight"] = scores["0.weight"] * float("nan")
    return scores


def convolutions_only(network):
    return {module: module.weight for module in layers_of(network).values() if isinstance(module, nn.Conv2d)}


def returns_network(network):
    return network


def text(network):
    return dict.fromkeys(by_name(network), "high")


def without_values(network):
    return {name: layer.to("meta") for name, layer in by_name(network).items()}


class NoScore:
    pass


def never_returns(network):
    while True:
        time.sleep(0.01)


def waits_for_a_program(network):
    subprocess.run(["sleep", "60"], check=True)


def tries_again_for_ever(network):
    while True:
        try:
            time.sleep(0.01)
        except Exception:
            print("again")


def cannot_be_interrupted(network):
    while True:
        try:
            time.sleep(0.01)
        except BaseException:
            print("again")


def sleeps_on(network):
    """Like one long call of a compiled library."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    time.sleep(0.5)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return by_name(network)


def ends_itself(network):
    raise SystemExit("enough")


def leaves_a_thread(network):
    threading.Thread(target=time.sleep, args=(600,)).start()
    return by_name(network)


def needs_too_much(network):
    return torch.zeros(2**50)


def hog(network):
    return [np.ones(5_000_000) for _ in range(100)]  # 4 GB


def prints_a_lot(network):
    for number in range(20_000):
        print("step", number)
    return by_name(network)


def forks(network):
    os.fork()
    return by_name(network)


def file_gone(network):
    np.load(Path("no_such_folder") / "scores.npy")
