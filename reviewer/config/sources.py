"""Reads settings, with their origin, from TOML files, the environment and flags.

A repository's file is untrusted: the author of a pull request can write it. It may not name an endpoint (code under
review would be sent there) or an interpreter (it would be run).
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from reviewer import untrusted
from reviewer.config.options import BY_FIELD, BY_KEY, OPTIONS, Option, Trust
from reviewer.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

# field name -> (value, origin)
Values = dict[str, tuple[object, str]]

_TABLES = {option.key.partition(".")[0] for option in OPTIONS if "." in option.key}
# Variables that are read elsewhere and are not settings.
_OTHER_VARIABLES = ("REVIEWER_HOME",)
_NEAR = 0.93  # similarity from which an unknown variable counts as a misspelt setting


def from_toml(data: bytes, name: str, *, table: tuple[str, ...] = (), trusted: bool) -> Values | None:
    """Read a TOML file.

    Args:
        data: The file's bytes.
        name: The file's name for messages.
        table: The table that holds the settings; empty means the top level.
        trusted: Whether the file is the user's own.

    Returns:
        The values; None if the file has no such table.

    Raises:
        ConfigError: The file is not valid TOML, or a key or value is wrong.
    """
    tree: Any = _parse(data, name)
    for part in table:
        tree = tree.get(part) if isinstance(tree, dict) else None
        if tree is None:
            return None
    where = f"{name} [{'.'.join(table)}]" if table else name
    if not isinstance(tree, dict):
        raise ConfigError(f"{where}: must be a table")
    return {
        option.field: (_accept(option, value, where), where)
        for key, value in _flat(tree).items()
        for option in [_known(key, where, trusted=trusted)]
    }


def from_environment(env: Mapping[str, str]) -> Values:
    """Read the ``REVIEWER_…`` variables; an empty one counts as unset.

    Raises:
        ConfigError: A value is wrong, or a name looks like a misspelt setting.
    """
    values: Values = {}
    for option in OPTIONS:
        text = env.get(option.variable, "")
        if not text.strip():
            continue
        try:
            values[option.field] = (option.kind.read(text), option.variable)
        except ValueError:
            raise _wrong(option.variable, option, text) from None
    _refuse_slips(env)
    return values


def from_flags(flags: Mapping[str, object], origin: str | None = None) -> Values:
    """Check values by field of ``Settings``; None means not given.

    Args:
        flags: Values by field.
        origin: Their origin; ``--flag`` when None.
    """
    values: Values = {}
    for field, value in flags.items():
        if value is None:
            continue
        option = BY_FIELD[field]
        where = origin or "--" + field.replace("_", "-")
        try:
            values[field] = (option.kind.accept(value), where)
        except ValueError:
            raise _wrong(where, option, value) from None
    return values


def _parse(data: bytes, name: str) -> dict[str, Any]:
    try:
        return untrusted.parse_toml(data)
    except untrusted.MalformedError as problem:
        hint = "save the file as UTF-8" if isinstance(problem.__cause__, UnicodeDecodeError) else None
        raise ConfigError(f"{name}: {problem}", hint=hint) from problem


def _flat(tree: dict[str, Any]) -> dict[str, object]:
    """Join the names of tables and keys with dots, one level deep."""
    flat: dict[str, object] = {}
    for key, value in tree.items():
        if isinstance(value, dict) and key not in BY_KEY:
            # An empty table is harmless; a misspelt one is still reported.
            flat.update(
                {f"{key}.{inner}": item for inner, item in value.items()} or ({} if key in _TABLES else {key: {}})
            )
        else:
            flat[key] = value
    return flat


def _known(key: str, where: str, *, trusted: bool) -> Option:
    option = BY_KEY.get(key)
    if option is None:
        raise ConfigError(f"{where}: unknown key {key!r}", hint=_nearest(key))
    if option.trust is Trust.SECRET:
        raise ConfigError(f"{where}: {key} is a secret and is not read from files", hint=f"set {option.variable}")
    if option.trust is Trust.USER and not trusted:
        raise ConfigError(
            f"{where}: {key} may not be set by a repository",
            hint=f"it decides where code is sent or what is run\nset {option.variable}, "
            "or the key in your own file (reviewer config show prints its path)",
        )
    return option


def _nearest(key: str) -> str:
    last = key.rpartition(".")[2]
    # A key in the wrong table is more likely than a similar name.
    same = [known for known in BY_KEY if known.rpartition(".")[2] == last]
    near = same or difflib.get_close_matches(key, BY_KEY, n=1, cutoff=0.6)
    if not near:
        near = [known for known in BY_KEY if difflib.get_close_matches(last, [known.rpartition(".")[2]], cutoff=0.7)]
    if near:
        return f"did you mean {_as_toml(near[0])}?"
    return "known keys: " + ", ".join(BY_KEY)


def _as_toml(key: str) -> str:
    table, _, name = key.rpartition(".")
    return f"{name!r} in the table [{table}]" if table else f"{name!r}"


def _accept(option: Option, value: object, where: str) -> object:
    try:
        return option.kind.accept(value)
    except ValueError:
        raise _wrong(f"{where}: {option.key}", option, value) from None


def _wrong(where: str, option: Option, value: object) -> ConfigError:
    shown = "" if option.trust is Trust.SECRET else f", not {value!r}"
    return ConfigError(f"{where} must be {option.kind.allowed}{shown}")


def _refuse_slips(env: Mapping[str, str]) -> None:
    """Refuse a variable that looks like a misspelt setting; ignoring it would mislead."""
    known = [option.variable for option in OPTIONS]
    for name in env:
        if not name.startswith("REVIEWER_") or name in known or name in _OTHER_VARIABLES:
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=_NEAR)
        if near:
            raise ConfigError(f"unknown environment variable {name}", hint=f"did you mean {near[0]}?")
