"""Call a pruning method in any usual form: a function, a class or an object with `score`.

A method receives the arguments that it names, in any order; `ARGUMENTS` lists the recognised names. The first
three arguments with other names are the network, the batches and the loss.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from prunepipe.errors import ScoreError

ARGUMENTS: dict[str, tuple[str, ...]] = {
    "network": ("network", "model", "net", "module"),
    "batches": ("batches", "dataloader", "data_loader", "train_loader", "trainloader", "loader", "data"),
    "loss": ("loss", "criterion", "loss_fn", "loss_function"),
    "generator": ("generator", "rng"),
    "device": ("device",),
    "parameters": ("parameters", "params", "prunable_parameters"),
    "masked_parameters": ("masked_parameters",),
    "density": ("density", "keep_ratio"),
    "kept_total": ("kept_total",),
    "prune_ratio": ("prune_ratio", "amount", "sparsity"),
}
"""What a method can ask for, each with the argument names that ask for it."""

RATIOS = ("density", "kept_total", "prune_ratio")
"""Arguments that depend on the prune ratio, available only if a ticket is scored separately for each ratio."""

POSITIONS = ("network", "batches", "loss")
"""Meaning of arguments with other names, by position."""

_ROLES = {name: role for role, names in ARGUMENTS.items() for name in names}
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def asked_ratios(method: Any) -> dict[str, str]:
    """Return which of `RATIOS` a method asks for, by argument name.

    Args:
        method: a function, a class, or an object with `score`.
    """
    names = [name for function in _functions(method) for name in inspect.signature(function).parameters]
    return {name: _ROLES[name] for name in names if _ROLES.get(name) in RATIOS}


def call_method(title: str, method: Any, given: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
    """Call a method and return its result.

    Args:
        title: what error messages call it.
        method: a function, a class whose objects have `score` (or can be called), or such an object. If `score`
            returns nothing, the object's attribute `scores` is the result, if it exists.
        given: the available values, by the keys of `ARGUMENTS`.
        options: further keyword arguments, each passed to the first of its functions that names it.

    Raises:
        ScoreError: the method asks for something else, or does not accept an option.
    """
    if not inspect.isclass(method) and not hasattr(method, "score"):
        return _call(title, method, given, options)
    left = dict(options)
    scorer = method
    if inspect.isclass(method):
        named = inspect.signature(method).parameters
        scorer = _call(title, method, given, {name: left.pop(name) for name in [*left] if name in named})
    answer = _call(title, _scoring(title, scorer), given, left)
    return answer if answer is not None else getattr(scorer, "scores", None) or None


def _functions(method: Any) -> list[Callable[..., Any]]:
    """Return the functions to call for a method; for a class, the constructor comes first."""
    if inspect.isclass(method):
        own = getattr(method, "score", None) or vars(method).get("__call__")
        return [method, own] if own else [method]
    return [getattr(method, "score", method)]


def _scoring(title: str, scorer: Any) -> Callable[..., Any]:
    function = getattr(scorer, "score", scorer)
    if not callable(function):
        raise ScoreError(f"{title}: a {type(scorer).__name__} has no method `score`; write one.")
    return function  # type: ignore[no-any-return]


def _call(
    title: str, function: Callable[..., Any], given: Mapping[str, Any], options: Mapping[str, Any]
) -> Any:
    signature = inspect.signature(function)
    values = _values(signature, given, options)
    parameters = signature.parameters
    surplus = [] if takes_any_keyword(signature) else [name for name in options if name not in parameters]
    if surplus:
        raise _misfit(title, signature, f"got an unexpected keyword argument '{surplus[0]}'")
    unmet = [name for name, parameter in parameters.items() if _required(parameter) and name not in values]
    if unmet:
        raise _misfit(title, signature, f"there is nothing to give as '{unmet[0]}'")
    bound = inspect.BoundArguments(signature, values)
    return function(*bound.args, **bound.kwargs)


def takes_any_keyword(signature: inspect.Signature) -> bool:
    """Return whether a function has a parameter such as **options."""
    return any(part.kind is inspect.Parameter.VAR_KEYWORD for part in signature.parameters.values())


def _required(parameter: inspect.Parameter) -> bool:
    return parameter.default is inspect.Parameter.empty and parameter.kind not in _VARIADIC


def _values(
    signature: inspect.Signature, given: Mapping[str, Any], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the value of every argument that has one, in the order of the signature."""
    roles = {name: _ROLES[name] for name in signature.parameters if name in _ROLES}
    values: dict[str, Any] = {}
    for position, (name, parameter) in enumerate(signature.parameters.items()):
        role = roles.get(name)
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            values[name] = tuple(given[role] for role in POSITIONS if role not in roles.values())
        elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
            rest = {option: value for option, value in options.items() if option not in signature.parameters}
            values[name] = (
                rest if "generator" in roles.values() else {"generator": given["generator"], **rest}
            )
        elif name in options:
            values[name] = options[name]
        elif role is not None and role in given:
            values[name] = given[role]
        elif role is None and _required(parameter):
            unasked = [role for role in POSITIONS[position : position + 1] if role not in roles.values()]
            values.update((name, given[role]) for role in unasked)
    return values


def _misfit(title: str, signature: inspect.Signature, problem: str) -> ScoreError:
    known = ", ".join(names[0] for names in ARGUMENTS.values())
    return ScoreError(
        f"{title}: takes {signature}, which does not fit a score (network, batches, loss, *, generator, **options) "
        f"with the options of its ticket: {problem}. Arguments that are understood by name: {known}."
    )
