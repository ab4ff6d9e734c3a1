"""The table of every setting: its key in a file, its environment variable, its flag and what it accepts.

Files, environment, flags, ``reviewer config show`` and ``reviewer config init`` all read this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from reviewer.config.kinds import Choice, Embedded, Globs, Number, Switch, Table, Text, Urls, Words

if TYPE_CHECKING:
    from reviewer.config.kinds import Kind

FORMATS = (
    "text",
    "markdown",
    "json",
    "github",
    "azure",
    "gitlab",
    "sarif",
    "rdjson",
    "rdjsonl",
    "checkstyle",
    "junit",
    "lines",
    "agent",
    "html",
)
SEVERITIES = ("error", "warning", "info")


class Trust(Enum):
    """Which files may hold a setting, besides the environment and flags."""

    ANY = "any file"
    USER = "the user's own file"
    SECRET = "no file"  # noqa: S105 - the name of a rule


@dataclass(frozen=True, slots=True)
class Option:
    """One setting.

    Attributes:
        field: Its name in ``Settings``.
        key: Its name in TOML, with the table before a dot.
        kind: What it accepts.
        about: What it does, in one line, for ``reviewer config init``.
        trust: Which files may hold it.
        is_limit: Whether a repository may only lower it.
    """

    field: str
    key: str
    kind: Kind
    about: str
    trust: Trust = Trust.ANY
    is_limit: bool = False

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return "REVIEWER_" + self.key.replace(".", "_").upper()


OPTIONS: tuple[Option, ...] = (
    Option("model", "model", Text(), "The model: a catalog name, a Hugging Face id or a local folder."),
    Option(
        "embedded",
        "embedded",
        Embedded(),
        "Use a model from the package index: true takes the largest that suits the machine, or 1.5b, 0.5b, 135m.",
    ),
    Option(
        "quantization",
        "quantization",
        Choice(("auto", "none", "bf16", "mxfp4", "int8", "int4", "fp8")),
        "How the weights are stored; auto chooses by the memory available.",
    ),
    Option("temperature", "temperature", Number(0, 2), "Sampling temperature of free text."),
    Option("max_model_len", "max_model_len", Number(1, whole=True, none="auto"), "Context length in tokens."),
    Option(
        "timeout",
        "timeout",
        Number(0, above=True),
        "Seconds without progress after which a request is given up.",
        is_limit=True,
    ),
    Option(
        "hook_budget",
        "hook_budget",
        Number(0),
        "Seconds that a hook waits for an engine that is not ready.",
        is_limit=True,
    ),
    Option(
        "hook_deadline",
        "hook_deadline",
        Number(0, above=True, none="never"),
        "Seconds that a hook's review may take; hunks without an answer by then are reported as not read.",
        is_limit=True,
    ),
    Option(
        "background",
        "background",
        Switch(),
        "Review commits in the background, after they are made; reviewer show prints the review.",
    ),
    Option("fail_on", "fail_on", Choice(SEVERITIES, none="never"), "Fail on findings of this severity or worse."),
    Option("require", "require", Switch(), "Fail when the review cannot be made or is incomplete."),
    Option("format", "format", Choice(FORMATS), "Output format of the review."),
    Option("include", "include", Globs(), "Review only files that match one of these patterns; empty means all."),
    Option("exclude", "exclude", Globs(), "Do not review files that match one of these patterns."),
    Option(
        "context",
        "context",
        Choice(("auto", "none", "scope", "file")),
        "Code shown beside a change: scope (signatures and imports) or file (also definitions in the file).",
    ),
    Option(
        "skip_generated",
        "skip_generated",
        Switch(),
        "Skip lock files and generated, minified and vendored files; the report lists them.",
    ),
    Option("min_severity", "min_severity", Choice(SEVERITIES), "Show findings of this severity or worse."),
    Option(
        "max_findings_per_file",
        "max_findings_per_file",
        Number(1, whole=True, none="none"),
        "Show at most this many findings per file, the worst first.",
    ),
    Option("cache", "cache", Switch(), "Cache answers, so that an unchanged hunk is not reviewed twice."),
    Option("completions", "completions", Switch(), "Suggest code where the change is unfinished."),
    Option("use_model", "use_model", Switch(), "Ask the model; without it, report what rules and analyzers find."),
    Option(
        "model_findings",
        "model_findings",
        Choice(("auto", "on", "off")),
        "Report defects that the model itself claims; auto does for models with measured skill.",
    ),
    Option("fixes", "fixes", Switch(), "Have the model explain and fix what rules and analyzers report."),
    Option("rules", "rules", Switch(), "Run the built-in rules."),
    Option(
        "rule_files",
        "rule_files",
        Words(("agents", "copilot", "cursor", "gitlab")),
        "Other tools whose rule files in the repository the model gets, such as agents for AGENTS.md.",
    ),
    Option("analyzers", "analyzers", Table(), "Analyzers to run, by name: true, false or a table of settings."),
    Option(
        "trust_repository",
        "trust_repository",
        Switch(),
        "Run the analyzer commands that a repository's own configuration names.",
        Trust.USER,
    ),
    Option(
        "trust_comments",
        "trust_comments",
        Switch(),
        "Let comments that a change adds suppress findings (reviewer: ignore, noqa and the like).",
    ),
    Option("explanations", "explanations", Switch(), "Explain each part of the change."),
    Option(
        "summary",
        "summary",
        Choice(("auto", "on", "off")),
        "Summarise the whole change and suggest a commit message; auto does if the model is able to.",
    ),
    Option(
        "start_engine",
        "lsp.start_engine",
        Switch(),
        "Let reviewer lsp start an engine; otherwise it only uses a running one.",
        Trust.USER,
    ),
    Option("url", "engine.url", Urls(), "OpenAI-compatible endpoints to use instead of a local engine.", Trust.USER),
    Option("api_key", "engine.api_key", Text(), "API key for engine.url.", Trust.SECRET),
    Option(
        "keyring", "engine.keyring", Switch(), "Read the API key for engine.url from the system's keyring.", Trust.USER
    ),
    Option(
        "ca_file",
        "engine.ca_file",
        Text(),
        "PEM file of the only certificate authorities to trust for https.",
        Trust.USER,
    ),
    Option("python", "engine.python", Text(), "A Python interpreter with vLLM installed.", Trust.USER),
    Option(
        "max_memory_gb",
        "engine.max_memory_gb",
        Number(0, above=True, none="auto"),
        "Memory that the engine may use, in GB of 10**9 bytes.",
        is_limit=True,
    ),
    Option(
        "max_num_seqs",
        "engine.max_num_seqs",
        Number(1, whole=True, none="auto"),
        "Number of requests decoded at once.",
        is_limit=True,
    ),
    Option("device", "engine.device", Choice(("auto", "cpu", "cuda")), "Device that the engine runs on."),
    Option(
        "start_timeout",
        "engine.start_timeout",
        Number(0, above=True),
        "Seconds without progress after which a starting engine is stopped.",
        is_limit=True,
    ),
    Option(
        "idle_timeout",
        "engine.idle_timeout",
        Number(0, above=True, none="never"),
        "Seconds without a request after which the engine stops.",
        is_limit=True,
    ),
)

BY_KEY = {option.key: option for option in OPTIONS}
BY_FIELD = {option.field: option for option in OPTIONS}
