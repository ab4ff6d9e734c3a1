"""What a setting accepts: in a file, as a value of TOML; in an environment variable, as text."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from reviewer.engine.config import EMBEDDED_MODELS

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
