"""Call a mask updater and enforce its contract."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from prunepipe.errors import ScoreError
from prunepipe.pruning.scores.calling import takes_any_keyword
from prunepipe.pruning.scores.guard import guarded
from prunepipe.pruning.updaters.choosing import kept as count
from prunepipe.pruning.updaters.contract import Allocate, Tensors
from prunepipe.seeds import seeded_globals


@dataclass(frozen=True)
class Updater:
    """A mask updater with its options.

    Attributes:
        function: see `prunepipe.pruning.updaters.contract`.
        title: what error messages call it.
        options: its keyword arguments.
        gradients: whether it reads gradients.
        external: whether it is user code, which works on copies, is called twice, and has limited time.
        time_limit: seconds that a call of user code may take; 0 means no limit.
    """

    function: Callable[..., Any]
    title: str
    options: Mapping[str, Any] = field(default_factory=dict)
    gradients: bool = True
    external: bool = False
    time_limit: float = 0.0

    def __call__(
        self,
        weights: Tensors,
        gradients: Tensors | None,
        mask: Tensors,
        *,
        step: int,
        steps: int,
        kept: int,
        generator: torch.Generator,
        allocate: Allocate,
    ) -> Tensors:
        """Return the mask after an update.

        Args:
            weights, gradients, mask, step, steps, generator, allocate: see the contract.
            kept: number of weights that the mask must keep.
        Raises:
            ScoreError: the updater violates its contract; the text names it, the layer and the rule.
        """
        density = kept / sum(layer.numel() for layer in mask.values())
        keywords = {"step": step, "steps": steps, "density": density, "allocate": allocate}
        twin = torch.Generator()
        twin.set_state(generator.get_state())
        given = weights, gradients, mask
        answer = self._once(given, {**keywords, "generator": generator}, kept)
        if self.external:
            again = self._once(given, {**keywords, "generator": twin}, kept)
            for name, layer in answer.items():
                if not torch.equal(layer, again[name]):
                    raise ScoreError(
                        f"{self.title}: does not repeat: called twice on the same input, its masks differ in '{name}'. "
                        "Draw every random number from `generator`, and keep nothing between calls."
                    )
        return answer

    def _once(self, given: tuple[Any, ...], keywords: Mapping[str, Any], kept: int) -> Tensors:
        mask: Tensors = given[-1]
        returned = self._call_external(given, keywords) if self.external else self._call(given, keywords)
        return self._validated(returned, mask, kept)

    def _call_external(self, given: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
        copies = [tensors and {name: tensor.clone() for name, tensor in tensors.items()} for tensors in given]
        seed = int(torch.randint(2**62, (), generator=keywords["generator"]))
        limits_memory = all(layer.device.type == "cpu" for layer in given[-1].values())
        limited = guarded(self.title, self.time_limit, limit_memory=limits_memory)
        with seeded_globals(seed, "updater"), limited:
            return self._call(tuple(copies), keywords)

    def _call(self, given: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
        signature = inspect.signature(self.function)
        takes_all = takes_any_keyword(signature)
        named = {name: value for name, value in keywords.items() if takes_all or name in signature.parameters}
        try:
            bound = signature.bind(*given, **named, **self.options)
        except TypeError as error:
            raise ScoreError(
                f"{self.title}: takes {signature}, which does not fit an updater (weights, gradients, mask, *, step, "
                f"steps, density, generator, **options) with the options of its ticket: {error}."
            ) from error
        return self.function(*bound.args, **bound.kwargs)

    def _validated(self, returned: Any, mask: Tensors, kept: int) -> Tensors:
        """Return an answer if it is a mask of the same layers with the right number of weights."""
        if not isinstance(returned, Mapping):
            raise ScoreError(
                f"{self.title}: returned {type(returned).__name__}, must return a dictionary of masks."
            )
        for name in [*mask, *returned]:
            if name not in returned:
                raise ScoreError(f"{self.title}: lacks '{name}'; it must return a mask of every layer.")
            if name not in mask:
                raise ScoreError(
                    f"{self.title}: returned a mask of '{name}', which is not a prunable layer; it must return "
                    "masks of the layers that it was given, and no others."
                )
        found = {name: self._layer(name, returned[name], layer) for name, layer in mask.items()}
        total = sum(count(layer) for layer in found.values())
        if total != kept:
            raise ScoreError(
                f"{self.title}: its mask keeps {total:,} weights, must keep exactly {kept:,}: round(density x N) of all"
                " layers together, as its argument density and the ticket's density_schedule say."
            )
        return found

    def _layer(self, name: str, returned: Any, mask: Tensor) -> Tensor:
        if not isinstance(returned, Tensor) or returned.dtype != torch.bool:
            kind = returned.dtype if isinstance(returned, Tensor) else type(returned).__name__
            raise ScoreError(
                f"{self.title}: the mask of '{name}' is {kind}, must be a bool tensor, True = kept."
            )
        if returned.shape != mask.shape:
            raise ScoreError(
                f"{self.title}: the mask of '{name}' has shape {tuple(returned.shape)}, must be {tuple(mask.shape)} "
                "like the weight."
            )
        return returned.to(mask.device)
