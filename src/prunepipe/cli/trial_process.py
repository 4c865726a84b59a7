"""The process that tries a method: it reads a request from standard input and writes the result to a file.

python -m prunepipe.cli.trial_process RESULT.json < REQUEST.json
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from prunepipe.artifacts import write_text
from prunepipe.cli.derived_study import Method, absolute, derived_study
from prunepipe.cli.trial_text import trial_text
from prunepipe.errors import ConfigError, PrunepipeError
from prunepipe.execution.cores import usable_cores
from prunepipe.execution.devices import prepare_process
from prunepipe.plugins import load_function
from prunepipe.pruning.scores.calling import asked_ratios
from prunepipe.pruning.scores.enforcing import MaskReturnedError
from prunepipe.stages.execution import Execution
from prunepipe.stages.trial import Trial, load_dataset, try_method
from prunepipe.study.controls import weights_by_kind
from prunepipe.study.loading import load_study
from prunepipe.study.names import score_row
from prunepipe.study.study import Study
from prunepipe.validation import validated


def main() -> None:
    """Read a request and write the result."""
    request = json.load(sys.stdin)
    write_text(sys.argv[1], json.dumps(answer_to(request)))
    sys.stdout.flush()
    os._exit(0)  # without waiting for threads that the method has left behind


def answer_to(request: dict[str, Any]) -> dict[str, Any]:
    """Return the choices and the text of `prunepipe.cli.trial.tried_method`, or the error and its kind.

    Args:
        request: the request made by `prunepipe.cli.trial`.
    """
    try:
        method = _with_ratio(Method(**request["method"]))
        try:
            trials = _trials(method, request)
        except MaskReturnedError:
            if not request["choose_allocation"]:
                raise
            method = replace(method, allocation="constructed")
            trials = _trials(method, request)
    except PrunepipeError as error:
        return {"kind": type(error).__name__, "error": str(error)}
    text = "\n\n".join(trial_text(method, trial) for trial in trials)
    kinds = [weights_by_kind((layer["kind"], layer["size"]) for layer in trial.layers) for trial in trials]
    return {"allocation": method.allocation, "choices": method.choices, "text": text, "kinds": kinds}


def _with_ratio(method: Method) -> Method:
    """Return the method, scored separately for every prune ratio if it asks for the ratio."""
    function = load_function(absolute(score_row(method.score).function))
    try:
        asked = asked_ratios(function)
    except ValueError as error:
        raise ConfigError(
            f"'{method.score}': its arguments cannot be read; a score is a function, or a class with `score`."
        ) from error
    return replace(method, choices={**method.choices, "per_prune_ratio": True}) if asked else method


def _trials(method: Method, request: dict[str, Any]) -> list[Trial]:
    """Try the method on every network and data set of the study."""
    base = load_study(Path(request["study"]))
    values = derived_study(base, method, prune_ratios=request["prune_ratios"], seeds=1)
    study = validated(Study, values, method.name)
    threads = usable_cores()
    prepare_process(threads)
    execution = Execution(device=request["device"], threads=threads, score_time_limit=request["time_limit"])
    trials = []
    for key in study.datasets:
        dataset = load_dataset(study, key, Path(request["data_folder"]))
        trials += [
            try_method(study, method.name, key, network, dataset, execution) for network in study.networks
        ]
    return trials


if __name__ == "__main__":
    main()
