"""The table of every setting: its key in a file, its environment variable, its flag and what it accepts.

Files, environment, flags, ``reviewer config show`` and ``reviewer config init`` all read this table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from reviewer.engine.config import EMBEDDED_MODELS

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

_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


class Kind(Protocol):
    """What a setting accepts.

    Attributes:
        allowed: A phrase that follows "must be".
    """

    @property
    def allowed(self) -> str:
        """What is accepted, as a phrase that follows "must be"."""

    def accept(self, value: object) -> object:
        """Convert a value from TOML or a caller; raises ValueError if it is not acceptable."""

    def read(self, text: str) -> object:
        """Convert the text of an environment variable; raises ValueError if it is not acceptable."""


@dataclass(frozen=True, slots=True)
class Text:
    """A non-empty string."""

    allowed: str = "a non-empty string"

    def accept(self, value: object) -> object:
        """Accept a non-empty string."""
        if not isinstance(value, str) or not value.strip():
            raise ValueError
        return value.strip()

    def read(self, text: str) -> object:
        """Accept the text as it is."""
        return self.accept(text)


@dataclass(frozen=True, slots=True)
class Switch:
    """A boolean; ``none`` is the word that stands for None."""

    none: str | None = None

    @property
    def allowed(self) -> str:
        """The two values, and the word for None."""
        return "true or false" if self.none is None else f'true, false or "{self.none}"'

    def accept(self, value: object) -> object:
        """Accept a boolean."""
        if self.none is not None and value == self.none:
            return None
        if not isinstance(value, bool):
            raise ValueError
        return value

    def read(self, text: str) -> object:
        """Accept the usual words, such as 1, true, yes and on."""
        word = text.strip().lower()
        if self.none is not None and word == self.none:
            return None
        if word not in _TRUE + _FALSE:
            raise ValueError
        return word in _TRUE


@dataclass(frozen=True, slots=True)
class Embedded:
    """True, false, or the name of an embedded model."""

    @property
    def allowed(self) -> str:
        """Both, and the names."""
        return f"true, false or one of {', '.join(EMBEDDED_MODELS)}"

    def accept(self, value: object) -> object:
        """Accept a boolean or a name; the flags' ``"auto"`` is true and ``"off"`` false."""
        if isinstance(value, bool):
            return value
        if value in ("auto", "off"):
            return value == "auto"
        if value not in EMBEDDED_MODELS:
            raise ValueError
        return value

    def read(self, text: str) -> object:
        """Accept the usual words of environment variables, or a name."""
        word = text.strip().lower()
        return word in _TRUE if word in _TRUE + _FALSE else self.accept(word)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words; ``none`` is the word that stands for None."""

    words: tuple[str, ...]
    none: str | None = None

    @property
    def allowed(self) -> str:
        """The words."""
        return "one of " + ", ".join(f'"{word}"' for word in self._all)

    @property
    def _all(self) -> tuple[str, ...]:
        return self.words if self.none is None else (*self.words, self.none)

    def accept(self, value: object) -> object:
        """Accept one of the words."""
        if not isinstance(value, str) or value not in self._all:
            raise ValueError
        return None if value == self.none else value

    def read(self, text: str) -> object:
        """Accept one of the words in any case."""
        return self.accept(text.strip().lower())


@dataclass(frozen=True, slots=True)
class Number:
    """A finite number from ``least`` to ``most``; ``none`` is the word that stands for None."""

    least: float
    most: float = math.inf
    whole: bool = False
    above: bool = False  # ``least`` itself is too small
    none: str | None = None

    @property
    def allowed(self) -> str:
        """The range."""
        kind = "a whole number" if self.whole else "a number"
        bound = f"above {self.least:g}" if self.above else f"of at least {self.least:g}"
        most = "" if math.isinf(self.most) else f" and at most {self.most:g}"
        return f"{kind} {bound}{most}" + (f', or "{self.none}"' if self.none else "")

    def accept(self, value: object) -> object:
        """Accept a number of the range."""
        if self.none is not None and value == self.none:
            return None
        if isinstance(value, bool) or not isinstance(value, int if self.whole else (int, float)):
            raise ValueError
        if not math.isfinite(value) or not self.least <= value <= self.most or (self.above and value == self.least):
            raise ValueError
        return value if self.whole else float(value)

    def read(self, text: str) -> object:
        """Accept the text of such a number."""
        text = text.strip()
        if self.none is not None and text.lower() == self.none:
            return None
        return self.accept(int(text) if self.whole else float(text))


@dataclass(frozen=True, slots=True)
class Globs:
    """A list of path patterns."""

    allowed: str = 'a list of patterns such as ["src/**", "*.py"]'

    def accept(self, value: object) -> object:
        """Accept a list of strings."""
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) and item.strip() for item in value):
            raise ValueError
        return tuple(value)

    def read(self, text: str) -> object:
        """Accept comma-separated patterns."""
        return tuple(item.strip() for item in text.split(",") if item.strip())


@dataclass(frozen=True, slots=True)
class Words:
    """A list of fixed words."""

    words: tuple[str, ...]

    @property
    def allowed(self) -> str:
        """The words."""
        return "a list of " + ", ".join(f'"{word}"' for word in self.words)

    def accept(self, value: object) -> object:
        """Accept a list of the words; each counts once."""
        if not isinstance(value, list | tuple) or not all(word in self.words for word in value):
            raise ValueError
        return tuple(dict.fromkeys(value))

    def read(self, text: str) -> object:
        """Accept comma-separated words."""
        return self.accept([item.strip() for item in text.split(",") if item.strip()])


@dataclass(frozen=True, slots=True)
class Urls:
    """One URL or several, kept as one comma-separated string."""

    allowed: str = 'a URL or several, as "http://one, http://two" or ["http://one", "http://two"]'

    def accept(self, value: object) -> object:
        """Accept a string or a list of strings."""
        texts = value.split(",") if isinstance(value, str) else value
        if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
            raise ValueError
        found = [text.strip() for text in texts if text.strip()]
        if not found:
            raise ValueError
        return ", ".join(found)

    def read(self, text: str) -> object:
        """Accept comma-separated URLs."""
        return self.accept(text)


@dataclass(frozen=True, slots=True)
class Table:
    """A TOML table; the step that uses it checks its keys."""

    allowed: str = "a table"

    def accept(self, value: object) -> object:
        """Accept a table."""
        if not isinstance(value, dict):
            raise ValueError
        return value

    def read(self, text: str) -> object:
        """Accept comma-separated names; a leading minus turns one off."""
        names = [name.strip() for name in text.split(",") if name.strip()]
        return {name.removeprefix("-"): not name.startswith("-") for name in names}


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
