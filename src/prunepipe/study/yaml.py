"""Read YAML as plain values; whatever is wrong with a file is said in a line."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from prunepipe.errors import ConfigError

MERGE = "tag:yaml.org,2002:merge"


class _UniqueKeyLoader(yaml.SafeLoader):
    """SafeLoader that refuses a key given twice instead of keeping the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            line = f"line {key_node.start_mark.line + 1}"
            if key_node.tag == MERGE:
                raise ConfigError(f"{line}: merge keys (<<) are not read; write the entries out.")
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise ConfigError(f"{line}: the key {key!r} must be a name.")
            if key in seen:
                raise ConfigError(f"{line}: the key '{key}' is given twice.")
            seen.add(key)
        values: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return values


def read_yaml(path: Path) -> Any:
    """Return what a YAML file holds.

    Raises:
        ConfigError: it cannot be read, is no YAML, or gives a key twice; one line that names the file.
    """
    try:
        # A date that is none, or a number of thousands of digits, raises what Python raises, not a YAMLError.
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: nested too deep to be read.") from error
    except (OSError, ValueError, OverflowError, TypeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from error
