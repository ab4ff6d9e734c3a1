"""Which files nobody wrote by hand: lock files, generated and minified code, vendored trees.

They fill a review with findings that nobody will mend here. Told by git attributes first, which can also say the
opposite (``-linguist-generated``), then by name, by a header that says so, and by lines that no person types. Every
file that is left out is listed with its reason; nothing here is a guess from size alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reviewer.diff import ContentKind, LineKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from reviewer.diff import FileChange

ATTRIBUTES = ("linguist-generated", "linguist-vendored", "diff")
"""The git attributes that are asked for."""

_LOCK_FILES = frozenset(
    (
        *("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "deno.lock"),
        *("poetry.lock", "pipfile.lock", "pdm.lock", "uv.lock", "pixi.lock", "conda-lock.yml"),
        *("cargo.lock", "go.sum", "go.work.sum", "gemfile.lock", "composer.lock", "mix.lock", "rebar.lock"),
        *("pubspec.lock", "podfile.lock", "cartfile.resolved", "package.resolved", "packages.lock.json", "paket.lock"),
        *("gradle.lockfile", "buildscript-gradle.lockfile", "flake.lock", ".terraform.lock.hcl", "module.bazel.lock"),
        *("chart.lock", "buf.lock", "stack.yaml.lock", "cabal.project.freeze", "shard.lock", "renv.lock"),
    )
)
_VENDORED = frozenset(
    ("node_modules", "bower_components", "vendor", "third_party", "third-party", "thirdparty", "godeps", "pods")
)
_MINIFIED = (".min.js", ".min.mjs", ".min.cjs", ".min.css", ".js.map", ".mjs.map", ".css.map")
_GENERATED = (
    *("_pb2.py", "_pb2.pyi", "_pb2_grpc.py", ".pb.go", ".pb.cc", ".pb.h", "_grpc.pb.go"),
    *(".g.dart", ".freezed.dart", ".designer.cs", ".g.cs", ".g.i.cs", ".snap"),
)
_BUILT = (".js", ".mjs", ".cjs", ".css")  # in a folder dist; a script or a template there may well be a person's

_HEADER_LINES = 15
_HEADER = re.compile(
    r"^[^\S\n]*(?:#|//|/\*|\*|--|;|%|<!--|\"\"\"|''').*?"
    r"(?:@generated\b|\bgenerated\b[^\n]*\bdo not (?:edit|modify)\b|\bdo not (?:edit|modify)\b[^\n]*\bgenerated\b)",
    re.IGNORECASE | re.MULTILINE,
)

# A person breaks lines of code long before these; prose has a line per paragraph.
_LONG_LINE, _LONG_MEAN = 2_000, 500
_PROSE = (".md", ".markdown", ".mdx", ".rst", ".txt", ".tex", ".adoc", ".org")

_ON, _OFF = ("set", "true"), ("unset", "false")


def why(file: FileChange, read: Callable[[str], str | None], attributes: Mapping[str, str]) -> str:
    """Why a file is not worth a reading; empty where it is.

    Args:
        file: The file's change.
        read: Gives the new side's text of a path; None where there is none.
        attributes: The file's git attributes of ``ATTRIBUTES``, as git tells them: ``set``, ``unset``, a value.
    """
    generated = attributes.get("linguist-generated")
    vendored = attributes.get("linguist-vendored")
    if attributes.get("diff") == "unset":
        return "not for reading, says .gitattributes (-diff)"
    if generated in _ON:
        return "generated, says .gitattributes"
    if vendored in _ON:
        return "vendored, says .gitattributes"
    if generated in _OFF or file.kind is not ContentKind.TEXT:
        return ""
    return by_path(file.path, vendored=vendored not in _OFF) or _by_text(file.path, _text(file, read))


def by_path(path: str, *, vendored: bool = True) -> str:
    """The same by the path alone.

    Args:
        path: Path with ``/`` between parts.
        vendored: Whether the names of vendored trees count.
    """
    *folders, name = path.lower().split("/")
    if name in _LOCK_FILES:
        return "a lock file"
    if vendored and _VENDORED & set(folders):
        return "in a vendored tree"
    if name.endswith(_MINIFIED) or ("dist" in folders and name.endswith(_BUILT)):
        return "minified or built"
    return "generated, by its name" if name.endswith(_GENERATED) else ""


def _by_text(path: str, lines: Sequence[str]) -> str:
    if _HEADER.search("\n".join(line[:500] for line in lines[:_HEADER_LINES])):
        return "generated, says its header"
    if path.lower().endswith(_PROSE):
        return ""
    total = sum(map(len, lines))
    long = sum(len(line) for line in lines if len(line) > _LONG_LINE)
    # One long line in a file of others is a person's constant; a file of them is a machine's.
    if total and (total / len(lines) > _LONG_MEAN or long * 2 > total):
        return "minified, by its long lines"
    return ""


def _text(file: FileChange, read: Callable[[str], str | None]) -> Sequence[str]:
    """The lines of the new side; of a patch without files those that it shows from the top, or that it adds."""
    text = read(file.path)
    if text is not None:
        return text.removesuffix("\n").split("\n")
    if not file.hunks:
        return ()
    first = file.hunks[0]
    if first.new_start <= 1:
        return [line.text for line in first.lines if line.new is not None]
    # Blank lines stand for the top that is not known.
    return [""] * _HEADER_LINES + [
        line.text for hunk in file.hunks for line in hunk.lines if line.kind is LineKind.ADDED
    ]
