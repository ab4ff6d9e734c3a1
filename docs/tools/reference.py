"""The pages of the site that are made from the code: settings, commands, rules, templates and models."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from docs.tools.commands import pages
from reviewer.config import OPTIONS, default
from reviewer.config.options import Trust
from reviewer.engine.config import ModelConfig
from reviewer.engine.models import catalog
from reviewer.engine.planning.hardware import Gpu, Hardware
from reviewer.engine.planning.plan import PlanRefusedError, make_plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docs.tools.commands import Block, Entry
    from reviewer.engine.models.catalog import CatalogModel

PROJECT = Path(__file__).parents[2]

_TRUST = {
    Trust.ANY: "your file, the repository's file, the environment, the command line",
    Trust.USER: "your file and the environment; an error in a repository's file",
    Trust.SECRET: "the environment only",
}


def generated() -> dict[str, str]:
    """Every generated page, by its path in the site."""
    return {
        "settings.md": settings(),
        "commands.md": commands(),
        "models.md": models(),
        "templates.md": templates(),
        **dict(rules()),
    }


def settings() -> str:
    """One section for each key of a configuration file."""
    parts = [
        "# Settings",
        (
            "Generated from the code. [Configuration](configuration.md) describes files, precedence and exit codes;"
            " `reviewer config show` prints the values in effect."
        ),
    ]
    for option in OPTIONS:
        value = default(option.field)
        if value is None:
            value = getattr(option.kind, "none", None)
        shown = "not set" if value is None else f"`{json.dumps(list(value) if isinstance(value, tuple) else value)}`"
        limit = "\n* A repository's file may lower it, not raise it." if option.is_limit else ""
        parts.append(
            f"## `{option.key}`\n\n{_escaped(option.about)}\n\n"
            f"* Default: {shown}\n* Accepts: {_escaped(option.kind.allowed)}\n"
            f"* Environment variable: `{option.variable}`\n* Set in: {_TRUST[option.trust]}{limit}"
        )
    return _page(parts)


def commands() -> str:
    """One section for each command."""
    parts = ["# Commands", "Generated from the code; `reviewer COMMAND --help` prints the same."]
    for page in pages():
        parts += [f"## {page.path}", *map(_block, page.help), f"```text\n{page.path} {page.usage}\n```"]
        options = tuple(entry for entry in page.options if entry.about)
        if options:
            parts.append(_table("option", options))
        if page.commands:
            parts.append(_table("command", page.commands))
        parts += map(_block, page.epilog)
    return _page(parts)


def _block(block: Block) -> str:
    if not block.verbatim:
        return _escaped(block.text)
    return f"```text\n{block.text}\n```"


def _table(name: str, entries: tuple[Entry, ...]) -> str:
    rows = (f"| `{entry.term.replace('|', chr(92) + '|')}` | {_escaped(entry.about)} |" for entry in entries)
    return f"| {name} | |\n| --- | --- |\n" + "\n".join(rows)


def rules() -> Iterator[tuple[str, str]]:
    """A page for each grammar, an overview and the guide."""
    rows = []
    for folder in sorted(path for path in (PROJECT / "rules").iterdir() if path.is_dir()):
        found = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.yml"))]
        yield f"rules/{folder.name}.md", _rules_page(folder.name, found)
        rows.append(f"| [{folder.name}]({folder.name}.md) | {len(found)} |")
    yield (
        "rules/index.md",
        _page(
            [
                "# Built-in rules",
                (
                    "Generated from `rules/`. They find defects, not style, and run without a model:"
                    " [Evidence](../evidence.md#built-in-rules). [How to write one](writing.md)."
                ),
                "| grammar | rules |\n| --- | --- |\n" + "\n".join(rows),
            ]
        ),
    )
    yield "rules/writing.md", (PROJECT / "rules" / "README.md").read_text(encoding="utf-8")


def _rules_page(grammar: str, found: list[dict[str, Any]]) -> str:
    parts = [f"# Rules for {grammar}", f"{len(found)} rules. The examples are those of the rules' tests."]
    for rule in found:
        metadata = rule.get("metadata", {})
        facts = [{"hint": "info"}.get(rule["severity"], rule["severity"]), metadata.get("category", "bug")]
        if "languages" in metadata:
            facts.append("also " + ", ".join(metadata["languages"]))
        if rule.get("url"):
            facts.append(f"[documentation]({rule['url']})")
        parts += [f"## `{rule['id']}`", " · ".join(facts), _rule_text(f"{rule['message']} {rule.get('note', '')}")]
        parts += _examples(grammar, rule["id"])
    return _page(parts)


def _rule_text(text: str) -> str:
    """Backticks stay; a variable outside them is shown as code."""
    pieces = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(piece if piece.startswith("`") else _escaped(piece) for piece in pieces)


def _examples(grammar: str, rule: str) -> Iterator[str]:
    path = PROJECT / "tests" / "evidence" / "rules" / grammar / f"{rule}-test.yml"
    test = yaml.safe_load(path.read_text(encoding="utf-8"))
    yield "Reported:"
    yield _fenced(test["invalid"][0], grammar)
    if test.get("valid"):
        yield "Not reported:"
        yield _fenced(test["valid"][0], grammar)


def templates() -> str:
    """The packaged prompt templates in full."""
    parts = [
        "# Prompt templates",
        (
            "Generated from `prompts/`. These are the texts that a model gets. A file of the same path under"
            " `.reviewer/prompts/` [replaces one](silence.md#prompt-templates). `base/` holds what is asked,"
            " `languages/` what is particular to a language."
        ),
    ]
    for folder in ("base", "languages"):
        for path in sorted((PROJECT / "prompts" / folder).glob("*.j2")):
            parts += [f"## `{folder}/{path.name}`", _fenced(path.read_text(encoding="utf-8"), "jinja")]
    return _page(parts)


_MACHINES: tuple[tuple[str, int, frozenset[str], int], ...] = (
    ("8 GB, x86-64 with AVX2", 8, frozenset({"avx2"}), 0),
    ("16 GB, x86-64 with AVX-512 VNNI", 16, frozenset({"avx2", "avx512_vnni"}), 0),
    ("32 GB, x86-64 with AMX", 32, frozenset({"avx2", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16"}), 0),
    ("NVIDIA GPU of 16 GB (Ada)", 32, frozenset({"avx2"}), 16),
    ("NVIDIA GPU of 24 GB (Ada)", 64, frozenset({"avx2"}), 24),
)
_FREE = 0.85  # of the memory of a machine that is also used for other things


def models() -> str:
    """What fits which machine, by the planner."""
    parts = [
        "# Models by machine",
        (
            "Generated from the catalog by the planner. `reviewer engine plan --model MODEL` prints the plan for your"
            " machine; [The engine](engine.md) describes how it is made and how its error was"
            " [measured](benchmarks.md#memory)."
        ),
        (
            f"The models that fit, largest first, and the memory of their plan. {_FREE:.0%} of the memory is assumed to"
            " be free, and the machine to have eight cores and Linux."
        ),
        (
            "A plan says that a model fits, not that it is good or quick. [Evaluation](evaluation.md) has what was"
            " measured of their quality."
        ),
    ]
    for name, memory, flags, gpu in _MACHINES:
        machine = _machine(memory, flags, gpu)
        fitting = list(filter(None, (_fit(model, machine) for model in catalog.models())))
        table = "| model | download | licence | format | memory | context in tokens |\n|" + " --- |" * 6 + "\n"
        parts += [f"## {name}", table + "\n".join(fitting) if fitting else "None."]
    return _page(parts)


def _machine(memory: int, flags: frozenset[str], gpu: int) -> Hardware:
    total = memory * 10**9
    card = Gpu("GPU", gpu * 2**30, int(gpu * 2**30 * 0.95), (8, 9), "GPU-0")
    return Hardware(
        system="Linux", machine="x86_64", total_bytes=total, available_bytes=int(total * _FREE), cpu_cores=8,
        visible_cores=8, cpu_flags=flags, gpus=(card,) if gpu else (),
    )  # fmt: skip


def _fit(model: CatalogModel, machine: Hardware) -> str:
    """A row of the table; empty if the model does not fit."""
    try:
        plan = make_plan(machine, model, ModelConfig(model=model.id))
    except PlanRefusedError:
        return ""
    form = plan.dtype if plan.quantization == "none" else plan.quantization
    download = f"{model.download_bytes / 1e9:.1f} GB"
    memory = f"{plan.total_bytes / 1e9:.1f} GB"
    return f"| {model.id} | {download} | {model.licence} | {form} | {memory} | {plan.max_model_len:,} |"


def _escaped(text: str) -> str:
    """Markdown's and HTML's characters outside inline code."""
    return re.sub(r"([\\*_<\[\]|$])", r"\\\1", text)


def _fenced(text: str, language: str) -> str:
    longest = max(map(len, re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _page(parts: list[str]) -> str:
    return "\n\n".join(parts) + "\n"
