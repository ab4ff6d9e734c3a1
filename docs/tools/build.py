"""Build the documentation site: ``python -m docs.tools.build [FOLDER]``; without a folder, into ``site/``.

The documents in ``docs/`` stay as they are read on a forge. A temporary folder gets them, the pages made from the code
and the files that they link to; zensical builds it strictly, so a broken link fails.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from docs.tools.reference import PROJECT, generated

DOCS = PROJECT / "docs"
TOOLS = DOCS / "tools"

# What documents link to outside docs/: the page or file of the site. Files are copied there.
_ELSEWHERE = {"prompts": "templates.md", "rules/README.md": "rules/writing.md", "README.md": "index.md"}
_SHIM = "https://unpkg.com/iframe-worker/shim"
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_LINK = re.compile(r"(?<=\]\()([^)\s:#]+)(#[^)\s]*)?(?=\))")
_CODE = re.compile(r"(^ *```.*?^ *```$)", re.DOTALL | re.MULTILINE)


def build(target: Path) -> None:
    """Build the site.

    Raises:
        SystemExit: zensical failed.
    """
    with tempfile.TemporaryDirectory(prefix="reviewer-site.") as folder:
        work = Path(folder)
        collect(work / "docs")
        (work / "mkdocs.yml").write_text(configuration(work / "docs"), encoding="utf-8")
        zensical = Path(sys.executable).with_name("zensical")
        program = zensical if zensical.exists() else "zensical"
        done = subprocess.run([program, "build", "--strict"], cwd=work, check=False, capture_output=True, text=True)
        print(_ANSI.sub("", done.stdout), end="")
        if done.returncode:
            # zensical has printed the broken links; a traceback follows.
            raise SystemExit(_ANSI.sub("", done.stderr).strip().splitlines()[-1])
        _bring_search(work / "site")
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(work / "site", target)


def _bring_search(site: Path) -> None:
    """Replace the script that the search would load from another host where pages are opened from a folder."""
    shutil.copy(TOOLS / "iframe-worker.js", site / "assets")
    for page in site.rglob("*.html"):
        up = "../" * len(page.relative_to(site).parent.parts)
        text = page.read_text(encoding="utf-8")
        page.write_text(text.replace(_SHIM, f"{up}assets/iframe-worker.js"), encoding="utf-8")


def collect(pages: Path) -> None:
    """Write the sources of the site into a folder."""
    shutil.copytree(DOCS, pages, ignore=shutil.ignore_patterns("tools", "man", "__pycache__"))
    shutil.copy(TOOLS / "extra.css", pages)
    for name, text in generated().items():
        path = pages / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    decisions = sorted((pages / "decisions").glob("[0-9]*.md"))
    (pages / "decisions" / "index.md").write_text(_list_of(decisions), encoding="utf-8")
    for path in pages.rglob("*.md"):
        _move_links(path, pages)


def _move_links(page: Path, pages: Path) -> None:
    parts = _CODE.split(page.read_text(encoding="utf-8"))
    parts[::2] = [_LINK.sub(lambda link: _target(link, page, pages), part) for part in parts[::2]]
    page.write_text("".join(parts), encoding="utf-8")


def _list_of(decisions: list[Path]) -> str:
    titles = (path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ") for path in decisions)
    rows = [f"* [{title}]({path.name})" for title, path in zip(titles, decisions, strict=True)]
    about = "Why things are as they are, in the order in which they were decided."
    return "\n".join(["# Decisions", "", about, "", *rows, ""])


def _target(link: re.Match[str], page: Path, pages: Path) -> str:
    """Where a link of the repository leads in the site; files outside ``docs/`` are copied to ``files/``."""
    inside = (page.parent / link[1]).resolve()
    if inside.exists() and inside.is_file():
        return link[0]
    if inside.is_dir() and (inside / "index.md").exists():
        return f"{link[1].rstrip('/')}/index.md"
    original = (DOCS / page.relative_to(pages)).parent / link[1]
    try:
        name = original.resolve().relative_to(PROJECT).as_posix()
    except ValueError:
        return link[0]
    if name in _ELSEWHERE:
        moved = _ELSEWHERE[name]
    elif original.is_file():
        moved = f"files/{name}.md" if original.suffix != ".json" else f"files/{name}"
        _copy(original, pages / moved)
    else:
        return link[0]  # zensical reports it
    return "../" * len(page.relative_to(pages).parent.parts) + moved + (link[2] or "")


def _copy(original: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = original.read_text(encoding="utf-8")
    if original.suffix not in (path.suffix, ".md"):
        language = {".yml": "yaml", ".py": "python", ".sh": "sh"}.get(original.suffix, "text")
        text = f"# {original.name}\n\n```{language}\n{text.rstrip()}\n```\n"
    path.write_text(text, encoding="utf-8")


def configuration(pages: Path) -> str:
    """``mkdocs.yml`` with a complete navigation: pages that it does not name are listed under "More"."""
    loaded = yaml.safe_load((TOOLS / "mkdocs.yml").read_text(encoding="utf-8"))
    named: set[str] = set()
    nav = []
    for group in loaded["nav"]:
        for title, names in group.items():
            present = [name for name in names if (pages / _path(name)).exists()]
            named.update(map(_path, present))
            nav.append({title: present})
    grammars = sorted(path.relative_to(pages).as_posix() for path in (pages / "rules").glob("*.md"))
    named.update(grammars)
    rest = [path.name for path in sorted(pages.glob("*.md")) if path.name not in named]
    if rest:
        print("docs/tools/mkdocs.yml does not name", *rest, file=sys.stderr)
        nav.append({"More": rest})
    return str(yaml.safe_dump({**loaded, "nav": nav}, sort_keys=False))


def _path(entry: str | dict[str, str]) -> str:
    return entry if isinstance(entry, str) else next(iter(entry.values()))


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else PROJECT / "site")
