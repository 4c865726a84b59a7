"""Convert what a method returns, in any usual form, to one array of scores or one mask per prunable weight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from prunepipe.artifacts import Arrays
from prunepipe.errors import ScoreError
from prunepipe.networks.prunable import prunable
from prunepipe.pruning.masks import ALWAYS_KEPT

FORMS = (
    "a dictionary {weight name: tensor}, a list of one tensor per prunable weight, or a network pruned by "
)
FORMS += "torch.nn.utils.prune"

MISSING = ("refuse", "keep")
"""How to treat weights that a method leaves out."""

ZEROS = ("refuse", "removed")
"""Whether zeros in a returned network are the mask."""


@dataclass(frozen=True)
class Answer:
    """The scores or the mask that a method returned.

    Attributes:
        arrays: in module order; scores are float32 or float64 and finite, a mask is bool, True = kept.
        unused: parameters with scores that are never pruned, such as biases.
        missing: prunable weights without scores; they are kept.
    """

    arrays: Arrays
    unused: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def is_mask(self) -> bool:
        """Whether the method returned a mask instead of scores."""
        return all(array.dtype == np.bool_ for array in self.arrays.values())


class AnswerReader:
    """Reads what a method returns for a network that the method may have changed.

    Create it before the method is called, so that it can remember which parameter is which.
    """

    def __init__(
        self, title: str, network: nn.Module, *, missing: str = "refuse", zeros: str = "refuse"
    ) -> None:
        """Remember the parameters.

        Args:
            title: what error messages call the method.
            network: the network passed to the method.
            missing: one of `MISSING`.
            zeros: one of `ZEROS`.
        """
        self._title = title
        self._network = network
        self._missing = missing
        self._zeros = zeros
        weights = prunable(network)
        self._shapes = {name: tuple(weight.shape) for name, weight in weights.items()}
        named = dict(network.named_parameters(remove_duplicate=False))
        self._others = {name for name in named if name not in self._shapes}
        self._objects = {id(parameter): name for name, parameter in reversed(named.items())}
        self._objects |= {id(weight): name for name, weight in weights.items()}
        self._objects |= {id(module): name for name, module in network.named_modules()}
        self._held = [*named.values(), *network.modules()]  # alive, so that no other object gets their id

    def read(self, answer: Any) -> Answer:
        """Convert what the method returned to one form.

        Raises:
            ScoreError: the form is unknown; the text names the method, the layer and the rule.
        """
        entries = self._entries(answer)
        used = {name: self._array(name, value) for name, value in entries.items() if name in self._shapes}
        if any(array.dtype == np.bool_ for array in used.values()):
            self._refuse_other_masks(entries)
        missing = tuple(name for name in self._shapes if name not in used)
        if missing and self._missing != "keep":
            raise self._error(
                f"no scores for layer '{missing[0]}'{_more(missing)}; a score covers every prunable weight. "
                "If the method keeps what it leaves out, say `missing: keep` (--missing keep)."
            )
        if not used:
            raise self._error("says nothing of any prunable weight.")
        is_mask = self._require_one_kind(used)
        kept = {name: np.full(self._shapes[name], is_mask or ALWAYS_KEPT) for name in missing}
        arrays = {name: (used | kept)[name] for name in self._shapes}
        return Answer(arrays, tuple(name for name in entries if name not in used), missing)

    # From any form to values by parameter name

    def _entries(self, answer: Any) -> dict[str, Any]:
        if answer is None or isinstance(answer, nn.Module):
            return self._of_network(answer)
        if isinstance(answer, Mapping):
            return self._of_mapping(answer)
        if isinstance(answer, (list, tuple)):
            if len(answer) == len(self._shapes):
                return dict(zip(self._shapes, answer, strict=True))
            raise self._error(
                f"returned {type(answer).__name__} of {len(answer)}; a list has one tensor for each of the "
                f"{len(self._shapes)} prunable weights, in the order of the modules."
            )
        raise self._error(f"returned {type(answer).__name__}, must return {FORMS}.")

    def _of_network(self, answer: nn.Module | None) -> dict[str, Any]:
        network = self._network if answer is None else answer
        named = dict(network.named_parameters(remove_duplicate=False))
        masks = {
            name.removesuffix("_mask"): buffer > 0
            for name, buffer in network.named_buffers()
            if name.endswith("_mask") and name.removesuffix("mask") + "orig" in named
        }
        if masks:
            return masks
        if answer is None:
            raise self._error(f"returned nothing and pruned nothing; it must return {FORMS}.")
        if self._zeros != "removed":
            raise self._error(
                "returned a network without masks of torch.nn.utils.prune. If its zeros are what it removed, say "
                "`zeros: removed` (--zeros removed)."
            )
        return {name: named[name] != 0 for name in self._shapes if name in named}

    def _of_mapping(self, answer: Mapping[Any, Any]) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        for key, value in answer.items():
            name = self._name(key)
            if name in entries:
                raise self._error(f"has two entries for '{name}'; one each.")
            entries[name] = value
        return entries

    def _name(self, key: Any) -> str:
        """Return the name of the parameter that a key identifies: by name, module name, object, or the object's id."""
        if isinstance(key, tuple) and len(key) == 2 and isinstance(key[0], nn.Module):
            found = self._objects.get(id(key[0]))
            text = f"{found}.{key[1]}" if found else str(key[1]) if found == "" else None
        elif isinstance(key, int):
            text = self._objects.get(key)
        elif isinstance(key, str):
            text = key
        else:
            text = self._objects.get(id(key))
        if text is None:
            shown = f"a {type(key).__name__}" if not isinstance(key, int) else f"the id {key}"
            raise self._error(f"scores for {shown} that is not of the network it was given.")
        for name in (text, text.removesuffix("_orig"), f"{text}.weight" if text else "weight"):
            if name in self._shapes or name in self._others:
                return name
        raise self._error(
            f"scores for '{text}', which is not a prunable weight of the network; it has: {', '.join(self._shapes)}."
        )

    # From any kind of value to an array

    def _array(self, name: str, value: Any) -> np.ndarray:
        try:
            tensor = _dense(value)
        except (TypeError, ValueError, RuntimeError) as error:
            raise self._error(
                f"layer '{name}' is a {type(value).__name__}, must be a tensor or an array of numbers "
                f"({str(error).partition('. ')[0]})."
            ) from error
        if tuple(tensor.shape) != self._shapes[name]:
            raise self._error(
                f"layer '{name}' has shape {tuple(tensor.shape)}, must be {self._shapes[name]}."
            )
        if tensor.is_complex():
            raise self._error(
                f"layer '{name}' has type {tensor.dtype}, must be real numbers, or bool for a mask."
            )
        if tensor.dtype == torch.bool:
            return tensor.numpy().copy()
        array = tensor.to(_wide(tensor.dtype)).numpy()
        broken = array.size - np.count_nonzero(np.isfinite(array))
        if broken:
            raise self._error(
                f"layer '{name}' has {broken:,} scores that are NaN or infinite, all must be finite; check the "
                "weights that are scored and the loss."
            )
        return array.copy()

    def _require_one_kind(self, arrays: Arrays) -> bool:
        kinds = {array.dtype == np.bool_: name for name, array in arrays.items()}
        if len(kinds) == 2:
            raise self._error(
                f"layer '{kinds[True]}' is a mask (bool), but '{kinds[False]}' has scores; return one kind."
            )
        return True in kinds

    def _refuse_other_masks(self, entries: Mapping[str, Any]) -> None:
        for name in self._others & set(entries):
            if not bool(_dense(entries[name]).all()):
                raise self._error(
                    f"prunes '{name}', which is not among the prunable weights of this study. Leave it out."
                )

    def _error(self, problem: str) -> ScoreError:
        return ScoreError(f"{self._title}: {problem}")


def _dense(value: Any) -> torch.Tensor:
    """Return a value as an ordinary tensor on the CPU; entries that a sparse tensor does not store are zero."""
    tensor = torch.as_tensor(value).detach().cpu()
    if tensor.is_quantized:
        return tensor.dequantize()
    return tensor if tensor.layout == torch.strided else tensor.to_dense()


def _wide(dtype: torch.dtype) -> torch.dtype:
    """Convert to a numpy type that holds every value: bfloat16 and float16 fit float32, integers fit float64."""
    if dtype in (torch.float32, torch.float64):
        return dtype
    return torch.float32 if dtype.is_floating_point else torch.float64


def _more(names: tuple[str, ...]) -> str:
    return f" and {len(names) - 1} more: {', '.join(names[1:])}" if len(names) > 1 else ""
