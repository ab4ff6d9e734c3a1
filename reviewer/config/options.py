"""The table of every setting: its key in a file, its environment variable, its flag and what it accepts.

One row per setting; files, environment, flags, ``reviewer config show`` and ``reviewer config init`` all read it, so
that a setting cannot exist in one of them only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

FORMATS = (
    "text",
    "markdown",
    "json",
    "github",
    "gitlab",
    "sarif",
    "rdjson",
    "rdjsonl",
    "checkstyle",
    "junit",
    "lines",
    "agent",
)
SEVERITIES = ("error", "warning", "info")

_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


class Kind(Protocol):
    """What a setting accepts.

    Attributes:
        allowed: For people: follows "must be".
    """

    @property
    def allowed(self) -> str:
        """What is accepted, for people."""

    def accept(self, value: object) -> object:
        """Turn a value of a TOML file or of a caller into the setting's; ValueError where it is not one."""

    def read(self, text: str) -> object:
        """The same for the text of an environment variable."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text that is not empty."""

    allowed: str = "a text that is not empty"

    def accept(self, value: object) -> object:
        """Accept a text that says something."""
        if not isinstance(value, str) or not value.strip():
            raise ValueError
        return value.strip()

    def read(self, text: str) -> object:
        """Accept the text itself."""
        return self.accept(text)


@dataclass(frozen=True, slots=True)
class Switch:
    """Yes or no; ``none`` is the word that stands for None."""

    none: str | None = None

    @property
    def allowed(self) -> str:
        """Both, and the word."""
        return "true or false" if self.none is None else f'true, false or "{self.none}"'

    def accept(self, value: object) -> object:
        """Accept a boolean."""
        if self.none is not None and value == self.none:
            return None
        if not isinstance(value, bool):
            raise ValueError
        return value

    def read(self, text: str) -> object:
        """Accept the usual words of environment variables."""
        word = text.strip().lower()
        if self.none is not None and word == self.none:
            return None
        if word not in _TRUE + _FALSE:
            raise ValueError
        return word in _TRUE


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
    """A list of patterns."""

    allowed: str = 'a list of patterns such as ["src/**", "*.py"]'

    def accept(self, value: object) -> object:
        """Accept a list of texts."""
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) and item.strip() for item in value):
            raise ValueError
        return tuple(value)

    def read(self, text: str) -> object:
        """Accept patterns with commas between them."""
        return tuple(item.strip() for item in text.split(",") if item.strip())


@dataclass(frozen=True, slots=True)
class Urls:
    """One URL or several; kept as one text with commas, as an environment variable would hold them."""

    allowed: str = 'a URL, or several: "http://one, http://two" or ["http://one", "http://two"]'

    def accept(self, value: object) -> object:
        """Accept a text or a list of them."""
        texts = value.split(",") if isinstance(value, str) else value
        if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
            raise ValueError
        found = [text.strip() for text in texts if text.strip()]
        if not found:
            raise ValueError
        return ", ".join(found)

    def read(self, text: str) -> object:
        """Accept URLs with commas between them."""
        return self.accept(text)


@dataclass(frozen=True, slots=True)
class Table:
    """A TOML table, kept as it is; the step that uses it checks its keys."""

    allowed: str = "a table"

    def accept(self, value: object) -> object:
        """Accept a table."""
        if not isinstance(value, dict):
            raise ValueError
        return value

    def read(self, text: str) -> object:
        """Accept names with commas between them; a minus in front switches one off."""
        names = [name.strip() for name in text.split(",") if name.strip()]
        return {name.removeprefix("-"): not name.startswith("-") for name in names}


class Trust(Enum):
    """Where a setting may come from, beside the environment and the flags."""

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
        about: What it does, one line, for ``reviewer config init``.
        trust: Which files may hold it.
    """

    field: str
    key: str
    kind: Kind
    about: str
    trust: Trust = Trust.ANY

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return "REVIEWER_" + self.key.replace(".", "_").upper()


OPTIONS: tuple[Option, ...] = (
    Option("model", "model", Text(), "The model: a catalog name, a Hugging Face id or a local folder."),
    Option("embedded", "embedded", Switch(), "Use the small offline model instead; it proves the set-up, no more."),
    Option(
        "quantization",
        "quantization",
        Choice(("auto", "none", "bf16", "mxfp4", "int8", "int4", "fp8")),
        "How the weights are stored; auto follows the memory there is.",
    ),
    Option("temperature", "temperature", Number(0, 2), "Sampling temperature of free text."),
    Option("max_model_len", "max_model_len", Number(1, whole=True, none="auto"), "Context length in tokens."),
    Option("timeout", "timeout", Number(0, above=True), "Seconds without progress after which a request is given up."),
    Option("hook_budget", "hook_budget", Number(0), "Seconds that a hook waits for an engine that is not ready."),
    Option(
        "hook_deadline",
        "hook_deadline",
        Number(0, above=True, none="never"),
        "Seconds that a hook's review may take; what has no answer by then is reported as not read.",
    ),
    Option("background", "background", Switch(), "Let commits go at once; the review follows as a git note."),
    Option("fail_on", "fail_on", Choice(SEVERITIES, none="never"), "Fail on findings of this severity and worse."),
    Option("require", "require", Switch(), "Fail when the review cannot be made or is incomplete."),
    Option("format", "format", Choice(FORMATS), "How the review is written."),
    Option("include", "include", Globs(), "Review only files that match one of these; empty means all."),
    Option("exclude", "exclude", Globs(), "Never review files that match one of these."),
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
        "Leave out lock files, generated, minified and vendored files; the report lists them.",
    ),
    Option("min_severity", "min_severity", Choice(SEVERITIES), "Show findings of this severity and worse."),
    Option(
        "max_findings_per_file",
        "max_findings_per_file",
        Number(1, whole=True, none="none"),
        "Show so many findings of one file, the worst and first.",
    ),
    Option("cache", "cache", Switch(), "Keep answers, so that an unchanged hunk is not asked about twice."),
    Option("completions", "completions", Switch(), "Suggest code for unfinished code in the change."),
    Option("use_model", "use_model", Switch(), "Ask the model; without it, report what rules and analyzers find."),
    Option(
        "model_findings",
        "model_findings",
        Choice(("auto", "on", "off")),
        "Report defects that the model itself claims; auto does for models with measured skill.",
    ),
    Option("fixes", "fixes", Switch(), "Have the model explain and fix what rules and analyzers report."),
    Option("rules", "rules", Switch(), "Run the built-in rules."),
    Option("analyzers", "analyzers", Table(), "Analyzers to run, by name: true, false or a table of settings."),
    Option(
        "trust_repository",
        "trust_repository",
        Switch(),
        "Run the analyzer commands that a repository's own configuration names.",
        Trust.USER,
    ),
    Option("explanations", "explanations", Switch(), "Explain what each part of the change does."),
    Option(
        "summary",
        "summary",
        Choice(("auto", "on", "off")),
        "Sum up the whole change, with a commit message; auto does where the model is able to.",
    ),
    Option("url", "engine.url", Urls(), "OpenAI-compatible endpoints to use instead of a local engine.", Trust.USER),
    Option("api_key", "engine.api_key", Text(), "The key for engine.url.", Trust.SECRET),
    Option("keyring", "engine.keyring", Switch(), "Take the key for engine.url from the system's keyring.", Trust.USER),
    Option("ca_file", "engine.ca_file", Text(), "PEM file of a private CA to trust for https, alone.", Trust.USER),
    Option("python", "engine.python", Text(), "A Python interpreter that has vLLM.", Trust.USER),
    Option(
        "max_memory_gb",
        "engine.max_memory_gb",
        Number(0, above=True, none="auto"),
        "Memory that the engine may take, in GB of 10**9 bytes.",
    ),
    Option("max_num_seqs", "engine.max_num_seqs", Number(1, whole=True, none="auto"), "Requests decoded at once."),
    Option("device", "engine.device", Choice(("auto", "cpu", "cuda")), "Where the engine computes."),
    Option(
        "start_timeout",
        "engine.start_timeout",
        Number(0, above=True),
        "Seconds without a sign of life after which a starting engine is given up.",
    ),
    Option(
        "idle_timeout",
        "engine.idle_timeout",
        Number(0, above=True, none="never"),
        "Seconds without a request after which the engine stops.",
    ),
)

BY_KEY = {option.key: option for option in OPTIONS}
BY_FIELD = {option.field: option for option in OPTIONS}
