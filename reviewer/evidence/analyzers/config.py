"""Reads the table of analyzers that a configuration file has: a name, and what to run under it.

::

    [reviewer.analyzers]
    mypy = true                         # a known analyzer
    shellcheck = false                  # one that runs by default, switched off
    eslint = { timeout = 60 }           # a known one, with other settings
    house-rules = { command = ["./tools/check", "{files}"], format = "lines", files = ["*.py"] }
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from reviewer.errors import ConfigError
from reviewer.evidence.analyzers.spec import FILES, Format, Spec
from reviewer.evidence.analyzers.table import DEFAULTS, KNOWN
from reviewer.finding import Category
from reviewer.languages import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Callable

_NAME = re.compile(r"[A-Za-z][\w.-]{0,40}")
_FORMATS = (Format.SARIF, Format.RDJSON, Format.RDJSONL, Format.LINES)
_MAX_TIMEOUT = 3600


def parse_config(mapping: Mapping[str, Any]) -> tuple[Spec, ...]:
    """Return the analyzers that run: the default ones, changed by what the configuration says.

    Args:
        mapping: The table, by name: true, false, or a table of settings.

    Raises:
        ConfigError: A value is wrong; the message names its key.
    """
    chosen = {spec.name: spec for spec in DEFAULTS}
    for name, value in mapping.items():
        if not _NAME.fullmatch(name):
            raise ConfigError(f"analyzers: {name!r} is not a name")
        if value is False:
            chosen.pop(name, None)
        elif value is True:
            chosen[name] = _known(name)
        elif isinstance(value, Mapping):
            chosen[name] = _configured(name, value)
        else:
            raise ConfigError(f"analyzers.{name}: must be true, false or a table")
    return tuple(chosen.values())


def _known(name: str) -> Spec:
    if name not in KNOWN:
        raise ConfigError(
            f"analyzers.{name}: not a known analyzer",
            hint=f"Known: {', '.join(sorted(KNOWN))}. For another one, give its command and format.",
        )
    return KNOWN[name]


def _configured(name: str, table: Mapping[str, Any]) -> Spec:
    for key in table:
        if key not in _READERS:
            raise ConfigError(f"analyzers.{name}.{key}: unknown key", hint=f"Keys: {', '.join(sorted(_READERS))}.")
    values: dict[str, Any] = {key: _READERS[key](f"analyzers.{name}.{key}", value) for key, value in table.items()}
    if "command" not in values:
        return dataclasses.replace(_known(name), **values)
    if name not in KNOWN and "format" not in values:
        raise ConfigError(f"analyzers.{name}.format: missing", hint=f"One of: {', '.join(_FORMATS)}.")
    if name in KNOWN and "format" not in values:
        # The command of a known analyzer may be spelled another way: ["npx", "eslint", …].
        return dataclasses.replace(KNOWN[name], **values, bundled=False)
    spec = Spec(name, **values)
    if FILES not in spec.command and not spec.tree:
        raise ConfigError(
            f"analyzers.{name}.command: names no files",
            hint=f'Add "{FILES}" where the files belong, or set tree = true to run it on the whole tree.',
        )
    return spec


def _command(key: str, value: object) -> tuple[str, ...]:
    words = _strings(key, value)
    if not words or not words[0] or words[0] == FILES:
        raise ConfigError(f"{key}: must begin with a program")
    return words


def _strings(key: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) and "\0" not in one for one in value):
        raise ConfigError(f"{key}: must be a list of strings")
    return tuple(value)


def _format(key: str, value: object) -> Format:
    if not isinstance(value, str) or value not in _FORMATS:
        raise ConfigError(f"{key}: unknown format {value!r}", hint=f"One of: {', '.join(_FORMATS)}.")
    return Format(value)


def _languages(key: str, value: object) -> frozenset[str]:
    for name in _strings(key, value):
        if name not in LANGUAGES:
            raise ConfigError(f"{key}: unknown language {name!r}", hint=f"One of: {', '.join(sorted(LANGUAGES))}.")
    return frozenset(_strings(key, value))


def _flag(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{key}: must be true or false")
    return value


def _timeout(key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _MAX_TIMEOUT:
        raise ConfigError(f"{key}: must be a number of seconds, at most {_MAX_TIMEOUT}")
    return float(value)


def _url(key: str, value: object) -> str:
    if not isinstance(value, str) or not value.startswith(("https://", "http://")):
        raise ConfigError(f'{key}: must be an http or https address, with "{{rule}}" for the rule')
    return value


def _category(key: str, value: object) -> Category:
    try:
        return Category(str(value))
    except ValueError as error:
        raise ConfigError(f"{key}: unknown category {value!r}", hint=f"One of: {', '.join(Category)}.") from error


_READERS: dict[str, Callable[[str, object], Any]] = {
    "command": _command,
    "format": _format,
    "languages": _languages,
    "files": _strings,
    "ignores": _strings,
    "tree": _flag,
    "runs_code": _flag,
    "timeout": _timeout,
    "url": _url,
    "category": _category,
    "omitted": lambda key, value: frozenset(_strings(key, value)),
}
