"""Read YAML as plain values, and report mistakes in one line."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from prunepipe.errors import ConfigError

MERGE = "tag:yaml.org,2002:merge"


class _UniqueKeyLoader(yaml.SafeLoader):
    """A SafeLoader that refuses a key given twice instead of keeping the last value."""

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
    """Return the content of a YAML file.

    Raises:
        ConfigError: the file cannot be read, is not YAML, or gives a key twice; one line that names the file.
    """
    try:
        # An invalid date, or a number with thousands of digits, raises a Python error and not a YAMLError.
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: nested too deep to be read.") from error
    except (OSError, ValueError, OverflowError, TypeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from error
