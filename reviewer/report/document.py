"""Pages of HTML: a template filled with its style and script, under a policy that admits only these.

Templates, styles and scripts lie in the folder ``page``. Jinja escapes every value. The content security policy names
the hashes of the style and the script, so that the browser runs nothing that a value could bring.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from reviewer.report import summary

_PAGES = Path(__file__).with_name("page")
_CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_HASHES = re.compile(r"#(?=#)")  # begins a command in the log of some CI runners
_POLICY = (
    "default-src 'none'; img-src data:; style-src '{style}'; script-src '{script}'; connect-src {connect}; "
    "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
)


def document(name: str, *, connect: str = "'none'", sizes: tuple[int, ...] = (), **values: Any) -> str:
    """Make a page; ends with a newline.

    Args:
        name: Of its template and its script; all pages share one style.
        connect: What its script may connect to, as a source list of the policy.
        sizes: Numbers of rows of its blocks, each of which gets a class with an estimate of its height.
        values: What the template shows.
    """
    style = _asset("page.css") + "".join(f".n{count}{{--rows:{count}}}\n" for count in sizes)
    script = _asset("common.js") + _asset(f"{name}.js")
    filled = _environment().get_template(f"{name}.html").render(
        policy=_POLICY.format(style=_digest(style), script=_digest(script), connect=connect),
        style=Markup(style),  # noqa: S704 - from this package
        script=Markup(script),  # noqa: S704 - from this package
        icon="data:image/svg+xml;base64," + _base64(_asset("icon.svg").encode()),
        **values,
    )  # fmt: skip
    return _HASHES.sub("&#35;", filled).rstrip("\n") + "\n"


def is_web_address(url: str) -> bool:
    """Whether a page may link there: an http or https address with a host and without a password."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_PAGES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"attribute": _attribute, "prose": _prose}
    environment.tests["web_address"] = is_web_address
    environment.globals["plural"] = summary.plural
    return environment


def _prose(text: str) -> Markup:
    """A sentence whose balanced code spans become elements."""
    pieces = _CODE.split(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if index % 2 else piece for index, piece in enumerate(pieces)
    )


def _attribute(text: str) -> Markup:
    """Lines as an attribute. Parsers would keep line feeds, but what a log shows must not begin a line."""
    return Markup(str(escape(text)).replace("\n", "&#10;"))  # noqa: S704 - escaped


@cache
def _asset(name: str) -> str:
    return (_PAGES / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + _base64(hashlib.sha256(text.encode()).digest())


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
