"""Enforce the contract of every score: its arguments, its return value, and its reproducibility."""

from __future__ import annotations

import ast
import copy
import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from prunepipe.artifacts import Arrays
from prunepipe.errors import ScoreError
from prunepipe.networks.prunable import prunable
from prunepipe.pruning.scores.answers import Answer, AnswerReader
from prunepipe.pruning.scores.calling import call_method
from prunepipe.pruning.scores.contract import Batches, Loss
from prunepipe.pruning.scores.guard import guarded
from prunepipe.seeds import seeded_globals

ScoreFunction = Callable[..., Any]
REPEATS_WITHIN = 1e-4
"""Two runs on a GPU may differ by this share of a layer's largest score, since sums there have no fixed order."""


class MaskReturnedError(ScoreError):
    """A mask was returned where scores were expected."""


@dataclass(frozen=True)
class Scorer:
    """A score with all settings of its ticket.

    Attributes:
        function: a function, class or object; see `prunepipe.pruning.scores.contract`.
        title: what error messages call it.
        options: its keyword arguments.
        ratios: density, kept_total and prune_ratio, if it receives them.
        constructive: whether it returns a mask (bool, True = kept) instead of scores.
        missing, zeros: how to read its result; see `prunepipe.pruning.scores.answers`.
        external: whether it is user code, which gets its network in train mode and has limited time, output and memory.
        check_determinism: whether to run it twice and compare the results.
        time_limit: seconds that a call of user code may take; 0 means no limit.
    """

    function: ScoreFunction
    title: str
    options: Mapping[str, Any] = field(default_factory=dict)
    ratios: Mapping[str, float] = field(default_factory=dict)
    constructive: bool = False
    missing: str = "refuse"
    zeros: str = "refuse"
    external: bool = False
    check_determinism: bool = False
    time_limit: float = 0.0

    def scores(
        self, network: nn.Module, batches: Batches, loss: Loss, *, generator: torch.Generator
    ) -> Arrays:
        """Score the network, and raise an error if the result violates the contract.

        Returns:
            One finite float array per prunable weight in module order; a mask becomes 1 (kept) and 0 (removed).

        Raises:
            ScoreError: the text names the score, the layer and the rule.
        """
        return self.arrays_of(self.answer(network, batches, loss, generator=generator))

    def arrays_of(self, answer: Answer) -> Arrays:
        """Return the scores of an answer; a mask becomes 1 (kept) and 0 (removed).

        Raises:
            ScoreError: the answer is a mask where scores are expected (`MaskReturnedError`), or vice versa.
        """
        self._require_kind(answer)
        return {
            name: array.astype(np.float32) if answer.is_mask else array
            for name, array in answer.arrays.items()
        }

    def answer(
        self, network: nn.Module, batches: Batches, loss: Loss, *, generator: torch.Generator
    ) -> Answer:
        """Call the score and return its answer, either scores or a mask.

        The score gets a copy of the network, which it may change.
        """
        twin = torch.Generator(generator.device)
        twin.set_state(generator.get_state())
        answer = self._once(network, batches, loss, generator)
        if self.check_determinism:
            self._require_repeated(answer.arrays, self._once(network, batches, loss, twin).arrays)
        return answer

    def _once(self, network: nn.Module, batches: Batches, loss: Loss, generator: torch.Generator) -> Answer:
        handed = copy.deepcopy(network)
        if self.external:  # built-in scores make their own copy, in the mode that they need
            handed.train().requires_grad_(True).zero_grad()
        weights = list(prunable(handed).values())
        reader = AnswerReader(self.title, handed, missing=self.missing, zeros=self.zeros)
        given = {
            "network": handed,
            "batches": batches,
            "loss": loss,
            "generator": generator,
            "device": weights[0].device,
            "parameters": weights,
            "masked_parameters": [(torch.ones_like(weight), weight) for weight in weights],
            **self.ratios,
        }
        # User code may draw without the generator (dropout, torch.rand, numpy); this makes it reproducible.
        seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
        # Attention as products and softmax, whose gradient has a gradient: that of a fused kernel has none.
        with seeded_globals(seed, "score"), sdpa_kernel(SDPBackend.MATH):
            returned = self._call_external(given) if self.external else self._call_built_in(given)
        try:
            return reader.read(returned)
        except ScoreError as error:
            raise self._located(error) from error

    def _call_built_in(self, given: Mapping[str, Any]) -> Any:
        try:
            return call_method(self.title, self.function, given, self.options)
        except RuntimeError as error:
            if "double" not in str(error).lower():
                raise
            raise ScoreError(
                f"{self.title}: the network does not compute in float64 ({str(error).splitlines()[0]}). Let its "
                "forward name no floating type, or say `score_options: {dtype: float32}` in the ticket."
            ) from error

    def _call_external(self, given: Mapping[str, Any]) -> Any:
        with guarded(self.title, self.time_limit, limit_memory=given["device"].type == "cpu"):
            return call_method(self.title, self.function, given, self.options)

    def _require_kind(self, answer: Answer) -> None:
        if self.constructive and not answer.is_mask:
            name, scores = next(iter(answer.arrays.items()))
            raise self._located(
                ScoreError(
                    f"{self.title}: layer '{name}' has type {scores.dtype}, but with allocation constructed the score "
                    "returns the mask itself: bool, True = kept."
                )
            )
        if answer.is_mask and not self.constructive:
            raise self._located(
                MaskReturnedError(
                    f"{self.title}: layer '{next(iter(answer.arrays))}' is a mask (bool), but scores were expected; a "
                    "score that returns the mask itself needs `allocation: constructed` in its ticket."
                )
            )

    def _require_repeated(self, first: Arrays, second: Arrays) -> None:
        for name, scores in first.items():
            difference = abs(scores.astype(np.float64) - second[name]).max(initial=0.0)
            allowed = REPEATS_WITHIN * abs(scores).max(initial=0.0) if torch.cuda.is_available() else 0.0
            if difference > allowed:
                raise self._located(
                    ScoreError(
                        f"{self.title}: ignores the generator: run twice with the same generator, layer '{name}' "
                        f"differs by up to {difference:.3g}. Draw every random number from `generator`, or from the "
                        "global streams of torch, numpy and random, which are seeded; keep nothing between calls."
                    )
                )

    def _located(self, error: ScoreError) -> ScoreError:
        """Add to an error the line of the user's file that returned the answer."""
        place = _answer_line(self.function) if self.external else ""
        return type(error)(f"{error}{place}") if place and place not in str(error) else error


def _answer_line(method: Any) -> str:
    """Return the location of a method's only return statement or, if it has several or none, of its first line."""
    function = getattr(method, "score", method)
    try:
        lines, first = inspect.getsourcelines(function)
        file = inspect.getsourcefile(function)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (TypeError, OSError, SyntaxError):
        return ""  # a function that was not defined in a file
    returns = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Return) and node.value]
    number = returns[0] if len(returns) == 1 else 1
    return f" (line {first + number - 1} of {file}: {lines[number - 1].strip()})"
