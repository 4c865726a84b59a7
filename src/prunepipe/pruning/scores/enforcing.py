"""The contract of every score, enforced: what it may return, what it must leave alone, and that it repeats."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from prunepipe.artifacts import Arrays
from prunepipe.errors import PrunepipeError, ScoreError
from prunepipe.networks.prunable import prunable
from prunepipe.plugins import explain
from prunepipe.pruning.scores.contract import Batches, Loss, Scores

ScoreFunction = Callable[..., Scores]
REPEATS_WITHIN = 1e-4
"""Two runs on a GPU may differ by this share of a layer's largest score: its sums have no fixed order."""


@dataclass(frozen=True)
class Scorer:
    """A score as a ticket uses it.

    Attributes:
        function: see `prunepipe.pruning.scores.contract`.
        title: what error messages call it.
        options: its keyword arguments.
        constructive: whether it returns a mask (bool, True = kept) instead of scores.
        check_determinism: whether it is run twice and compared; for functions that are not our own.
    """

    function: ScoreFunction
    title: str
    options: Mapping[str, Any]
    constructive: bool = False
    check_determinism: bool = False

    def scores(
        self, network: nn.Module, batches: Batches, loss: Loss, *, generator: torch.Generator
    ) -> Arrays:
        """Score, and refuse what breaks the contract.

        Returns:
            One float array per prunable weight in module order, finite; of a mask: 1 kept, 0 removed.

        Raises:
            ScoreError: the text names the score, the layer and the rule.
        """
        twin = torch.Generator(generator.device)
        twin.set_state(generator.get_state())
        scores = self._once(network, batches, loss, generator)
        if self.check_determinism:
            self._require_repeated(scores, self._once(network, batches, loss, twin))
        return scores

    def _once(self, network: nn.Module, batches: Batches, loss: Loss, generator: torch.Generator) -> Arrays:
        before = _state(network)
        with _derived_global_stream(network, generator):
            scores = self._called(network, batches, loss, generator)
        _require_unchanged(self.title, before, _state(network))
        weights = prunable(network)
        if not isinstance(scores, Mapping):
            raise ScoreError(
                f"{self.title}: returned {type(scores).__name__}, must return a dictionary "
                "{weight name: tensor}, one tensor per prunable weight."
            )
        for name in [*weights, *scores]:
            if name not in scores:
                raise ScoreError(
                    f"{self.title}: no scores for layer '{name}'; a score covers every prunable weight."
                )
            if name not in weights:
                raise ScoreError(
                    f"{self.title}: scores for '{name}', which is no prunable weight of the network."
                )
        return {name: self._layer(name, scores[name], weight) for name, weight in weights.items()}

    def _called(self, network: nn.Module, batches: Batches, loss: Loss, generator: torch.Generator) -> Scores:
        arguments = (network, batches, loss)
        options = {"generator": generator, **self.options}
        _require_accepted(self.title, self.function, *arguments, **options)
        try:
            return self.function(*arguments, **options)
        except PrunepipeError:
            raise
        except Exception as error:  # whatever the user's code raises
            if isinstance(error, RuntimeError) and "double" in str(error).lower():
                raise ScoreError(
                    f"{self.title}: the network does not compute in float64 ({str(error).splitlines()[0]}). Let its "
                    "forward name no floating type, or say `score_options: {dtype: float32}` in the ticket."
                ) from error
            if not self.check_determinism:
                raise
            place = self.title.removeprefix("score ").rpartition(":")[0]
            raise ScoreError(f"{self.title}: raised {explain(error, place)}") from error

    def _layer(self, name: str, scores: Any, weight: torch.Tensor) -> Any:
        if not isinstance(scores, torch.Tensor):
            raise ScoreError(
                f"{self.title}: layer '{name}' is a {type(scores).__name__}, must be a torch.Tensor."
            )
        if scores.shape != weight.shape:
            raise ScoreError(
                f"{self.title}: layer '{name}' has shape {tuple(scores.shape)}, must be {tuple(weight.shape)}."
            )
        if self.constructive:
            scores = self._of_mask(name, scores)
        elif scores.dtype == torch.bool:
            raise ScoreError(
                f"{self.title}: layer '{name}' is a mask (bool), but scores were expected; a score that returns "
                "the mask itself needs `allocation: constructed` in its ticket."
            )
        if scores.dtype not in (torch.float32, torch.float64):
            raise ScoreError(
                f"{self.title}: layer '{name}' has type {scores.dtype}, must be float32 or float64."
            )
        broken = int((~torch.isfinite(scores)).sum())
        if broken:
            raise ScoreError(
                f"{self.title}: layer '{name}' has {broken:,} scores that are NaN or infinite, all must be finite; "
                "check the weights that are scored and the loss."
            )
        return scores.detach().cpu().numpy()

    def _of_mask(self, name: str, mask: torch.Tensor) -> torch.Tensor:
        if mask.dtype != torch.bool:
            raise ScoreError(
                f"{self.title}: layer '{name}' has type {mask.dtype}, but with allocation constructed the score "
                "returns the mask itself: bool, True = kept."
            )
        return mask.to(torch.float32)

    def _require_repeated(self, first: Arrays, second: Arrays) -> None:
        for name, scores in first.items():
            difference = abs(scores - second[name]).max(initial=0.0)
            allowed = REPEATS_WITHIN * abs(scores).max(initial=0.0) if torch.cuda.is_available() else 0.0
            if difference > allowed:
                raise ScoreError(
                    f"{self.title}: ignores the generator: run twice with the same generator, layer '{name}' "
                    f"differs by up to {difference:.3g}. Draw every random number from `generator` (or torch's "
                    "own stream, which is seeded), not from numpy or random; keep nothing between calls."
                )


def _require_accepted(title: str, function: ScoreFunction, *arguments: Any, **options: Any) -> None:
    signature = inspect.signature(function)
    try:
        signature.bind(*arguments, **options)
    except TypeError as error:
        raise ScoreError(
            f"{title}: takes {signature}, which does not fit a score (network, batches, loss, *, generator, "
            f"**options) with the options of its ticket: {error}."
        ) from error


def _state(network: nn.Module) -> dict[str, Any]:
    """Return a copy of all that a score must leave as it is, by description."""
    state: dict[str, Any] = {}
    for name, parameter in network.named_parameters():
        state[f"parameter '{name}'"] = parameter.detach().clone()
        state[f"gradient of '{name}'"] = None if parameter.grad is None else parameter.grad.clone()
        state[f"requires_grad of '{name}'"] = parameter.requires_grad
    for name, buffer in network.named_buffers():
        state[f"buffer '{name}'"] = buffer.clone()
    for name, module in network.named_modules():
        state[f"training flag of '{name}'"] = module.training
    return state


def _require_unchanged(title: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    for what in [*before, *after]:
        if not _same(before.get(what), after.get(what)):
            raise ScoreError(f"{title}: changed the network ({what}); work on scoring_copy(network) instead.")


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor):
        return torch.equal(first, second)
    return type(first) is type(second) and first == second


@contextmanager
def _derived_global_stream(network: nn.Module, generator: torch.Generator) -> Iterator[None]:
    # Dropout and a user's torch.rand know no generator; without this their scores would differ between runs.
    used = {parameter.device for parameter in network.parameters() if parameter.device.type == "cuda"}
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    with torch.random.fork_rng(devices=sorted(device.index for device in used)):
        torch.manual_seed(seed)
        yield
