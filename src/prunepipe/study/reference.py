"""Generate the configuration reference from the typed models: config/README.md and the JSON schemas."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from prunepipe.artifacts import write_text
from prunepipe.datasets.rows import DATASETS
from prunepipe.networks import NETWORKS
from prunepipe.pruning.allocations import ALLOCATIONS
from prunepipe.pruning.scores import MASKS, SCORES
from prunepipe.pruning.updaters import UPDATERS
from prunepipe.study.built_in import CHECKS, TICKETS, checks_of_stage
from prunepipe.study.loading import Site
from prunepipe.study.study import Study

INTRODUCTION = """\
# Configuration

*Generated from the typed models by `python -m prunepipe.study.reference config`; a test fails when it is out of date.*

`config.yaml` says where and how to run; `config/<study>.yaml` says what to run. Both are checked before any job
starts, and an unknown key, name or value is an error. Choose a study with
`snakemake --cores 8 --config study=fashion`. Editors check a study as it is typed against `study.schema.json`.
"""


def generated_files() -> dict[str, str]:
    """Return the generated files of config/, as text by name."""
    return {
        "README.md": _readme(),
        "study.schema.json": json.dumps(Study.model_json_schema(), indent=1) + "\n",
        "site.schema.json": json.dumps(Site.model_json_schema(), indent=1) + "\n",
    }


def _readme() -> str:
    models = _models_inside(Study)
    sections = [INTRODUCTION, _keys(Site, "config.yaml"), _keys(Study, "config/&lt;study&gt;.yaml")]
    sections += [_keys(model, model.__name__) for model in models]
    sections += ["## Built-in names\n", *_names(), *_options()]
    return "\n".join(sections)


def _keys(model: type[BaseModel], title: str) -> str:
    schema = model.model_json_schema()
    rows = [
        f"| `{name}` | {_type(field)} | {_default(name, field, schema)} | {field.get('description', '')} |"
        for name, field in schema["properties"].items()
    ]
    table = "\n".join(["| key | type | default | meaning |", "|---|---|---|---|", *rows])
    return f"## {title}\n\n{schema.get('description', '')}\n\n{table}\n"


def _type(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    if "anyOf" in field:
        return " or ".join(_type(option) for option in field["anyOf"])
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if field.get("type") == "array":
        items = field.get("items") or field.get("prefixItems", [{}])[0]
        return f"list of {_type(items)}"
    if field.get("type") == "object":
        return "name: options"
    return str(field.get("type", "any"))


def _default(name: str, field: dict[str, Any], schema: dict[str, Any]) -> str:
    if name in schema.get("required", ()):
        return "*required*"
    return f"`{json.dumps(field.get('default'))}`" if "default" in field else "see below"


def _models_inside(model: type[BaseModel]) -> list[type[BaseModel]]:
    """Return all models nested in a model's fields, ordered by name."""
    found: dict[str, type[BaseModel]] = {}
    waiting: list[Any] = [field.annotation for field in model.model_fields.values()]
    while waiting:
        kind = waiting.pop()
        waiting += get_args(kind)
        if isinstance(kind, type) and issubclass(kind, BaseModel) and kind.__name__ not in found:
            found[kind.__name__] = kind
            waiting += [field.annotation for field in kind.model_fields.values()]
    return [found[name] for name in sorted(found)]


def _names() -> list[str]:
    stages = dict.fromkeys(row.stage for row in CHECKS.values() if row.stage != "none")
    checks = {stage: ", ".join(f"`{name}`" for name in checks_of_stage(stage)) for stage in stages}
    rows: list[tuple[str, Iterable[str]]] = [
        ("data sets", DATASETS),
        ("networks", NETWORKS),
        ("scores", SCORES),
        ("masks that are made already, named as a score", MASKS),
        ("allocations", ALLOCATIONS),
        ("updaters", UPDATERS),
        ("checks", CHECKS),
    ]
    lines = [f"* **{kind}**: {', '.join(f'`{name}`' for name in known)}" for kind, known in rows]
    lines += [f"* **{stage} checks** (for `custom_checks`): {known}" for stage, known in checks.items()]
    header = "\n| ticket | weights scored | score | allocation | starts from |\n|---|---|---|---|---|\n"
    tickets = "\n".join(
        f"| `{name}` | {row['scored']} | {row['score']} | {row['allocation']} | {row['start']} |"
        for name, row in TICKETS.items()
    )
    return ["\n".join(lines), header + tickets + "\n"]


def _options() -> list[str]:
    models = [(f"score `{name}`", row.options) for name, row in {**SCORES, **MASKS}.items()]
    models += [(f"allocation `{name}`", row.options) for name, row in ALLOCATIONS.items()]
    models += [(f"updater `{name}`", row.options) for name, row in UPDATERS.items()]
    lines = ["## Options\n", "| of | option | type | default | meaning |", "|---|---|---|---|---|"]
    for owner, model in models:
        schema = model.model_json_schema() if model else {}
        lines += [
            f"| {owner} | `{option}` | {_type(field)} | {_default(option, field, schema)} | {field['description']} |"
            for option, field in schema.get("properties", {}).items()
        ]
    return ["\n".join(lines) + "\n"]


if __name__ == "__main__":
    for file_name, text in generated_files().items():
        write_text(Path(sys.argv[1]) / file_name, text)
