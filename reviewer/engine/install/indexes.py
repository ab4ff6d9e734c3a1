"""Translates pip's package-index settings for uv.

If pip works behind a mirror, a proxy or with a private certificate, so does uv. As in pip, environment variables
override configuration files; a ``UV_`` variable overrides both. Addresses are passed in uv's environment rather than
its arguments, since they may contain passwords.
"""

from __future__ import annotations

import configparser
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reviewer.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# pip's option → uv's variables. The first is set unless the user has set any of them.
_SINGLE = {
    "index-url": ("UV_DEFAULT_INDEX", "UV_INDEX_URL"),
    "cert": ("SSL_CERT_FILE",),
    "client-cert": ("SSL_CLIENT_CERT",),
    "timeout": ("UV_HTTP_TIMEOUT", "UV_REQUEST_TIMEOUT", "HTTP_TIMEOUT"),
}
_SOURCES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_TORCH_BACKEND")
_SECTIONS = ("global", "download", "install")
_OFF = ("", "0", "false", "no", "off")


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """Where uv looks for packages.

    Attributes:
        env: Variables to add to uv's environment.
        flags: Arguments for what uv has no variable for.
        custom: Whether the user configured package sources, which are then tried before PyTorch's index.
    """

    env: Mapping[str, str]
    flags: tuple[str, ...]
    custom: bool

    def shown(self) -> tuple[str, ...]:
        """The variables as ``NAME=value``, without passwords."""
        return tuple(f"{name}={_without_password(value)}" for name, value in sorted(self.env.items()))


def index_settings(environ: Mapping[str, str] | None = None) -> IndexSettings:
    """Translate the settings in ``environ`` (the process's by default) and in pip's configuration files.

    Raises:
        ConfigError: A configuration file cannot be parsed.
    """
    environ = os.environ if environ is None else environ
    options = _pip_options(environ)
    env: dict[str, str] = {}
    for option, names in _SINGLE.items():
        if options.get(option) and not any(environ.get(name) for name in names):
            env[names[0]] = options[option]
    _add_lists(options, environ, env)
    _add_proxy(options, environ, env)
    no_index = options.get("no-index", "").lower() not in _OFF
    custom = no_index or any(env.get(name) or environ.get(name) for name in _SOURCES)
    return IndexSettings(env, ("--no-index",) if no_index else (), custom)


def _add_lists(options: Mapping[str, str], environ: Mapping[str, str], env: dict[str, str]) -> None:
    extra = options.get("extra-index-url", "").split()
    if extra and not (environ.get("UV_INDEX") or environ.get("UV_EXTRA_INDEX_URL")):
        env["UV_INDEX"] = " ".join(extra)
        if not environ.get("UV_INDEX_STRATEGY"):
            # pip considers all indexes; by default uv stops at the first that has the package.
            env["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    links = options.get("find-links", "").split()
    if links and not environ.get("UV_FIND_LINKS"):
        env["UV_FIND_LINKS"] = ",".join(_absolute(link) for link in links)
    hosts = options.get("trusted-host", "").split()
    if hosts and not environ.get("UV_INSECURE_HOST"):
        env["UV_INSECURE_HOST"] = " ".join(hosts)


def _add_proxy(options: Mapping[str, str], environ: Mapping[str, str], env: dict[str, str]) -> None:
    """Translate pip's option; uv reads HTTP_PROXY and the like itself."""
    proxy = options.get("proxy")
    if not proxy:
        return
    address = proxy if "://" in proxy else f"http://{proxy}"
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        if not (environ.get(name) or environ.get(name.lower())):
            env[name] = address


def _pip_options(environ: Mapping[str, str]) -> dict[str, str]:
    options: dict[str, str] = {}
    for path in _pip_files(environ):
        options.update(_read(path))
    for name, value in environ.items():
        if name.startswith("PIP_") and value:
            options[name.removeprefix("PIP_").lower().replace("_", "-")] = value
    if "default-timeout" in options:
        options.setdefault("timeout", options["default-timeout"])
    return options


def _read(path: Path) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8"), source=str(path))
    except OSError:
        return {}
    except (configparser.Error, UnicodeDecodeError) as problem:
        raise ConfigError(f"pip's configuration file {path} cannot be parsed: {problem}") from problem
    found: dict[str, str] = {}
    for section in _SECTIONS:
        if parser.has_section(section):
            found.update({name.replace("_", "-"): value.strip() for name, value in parser.items(section)})
    return found


def _pip_files(environ: Mapping[str, str]) -> Iterable[Path]:
    """List pip's configuration files: system, user, this environment's, PIP_CONFIG_FILE; later ones override.

    Source: pip's user guide, "Configuration", section "Location".
    """
    named = environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return
    home = Path(environ.get("HOME") or environ.get("USERPROFILE") or Path.home())
    if sys.platform == "win32":
        yield Path(environ.get("PROGRAMDATA", r"C:\ProgramData"), "pip", "pip.ini")
        yield home / "pip" / "pip.ini"
        yield Path(environ.get("APPDATA") or home / "AppData" / "Roaming", "pip", "pip.ini")
        yield Path(sys.prefix, "pip.ini")
    else:
        if sys.platform == "darwin":
            yield Path("/Library/Application Support/pip/pip.conf")
        for folder in reversed((environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)):
            yield Path(folder, "pip", "pip.conf")
        yield Path("/etc/pip.conf")
        yield home / ".pip" / "pip.conf"
        if sys.platform == "darwin":
            yield home / "Library" / "Application Support" / "pip" / "pip.conf"
        yield Path(environ.get("XDG_CONFIG_HOME") or home / ".config", "pip", "pip.conf")
        yield Path(sys.prefix, "pip.conf")
    if named:
        yield Path(named).expanduser()


def _absolute(link: str) -> str:
    """Make a path absolute, since uv runs in another folder."""
    return link if "://" in link else str(Path(link).expanduser().absolute())


def _without_password(value: str) -> str:
    return re.sub(r"(?<=://)[^/\s@]*@", "…@", value)
