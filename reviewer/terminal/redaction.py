"""Keeps secrets out of requests: placeholders go to the model, and what it repeats of them is put back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reviewer.terminal import masking

if TYPE_CHECKING:
    from collections.abc import Iterable

_LEAST_CHARS = 5  # as in ``masking.remembering``


class Redaction:
    """The secrets of some texts and their placeholders, which depend on the texts alone.

    Args:
        texts: What is sent together. Values that ``masking.remembering`` knows count as secrets too.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        text = "\n".join(texts)
        found = sorted(one for one in masking.secrets(text) if len(one) >= _LEAST_CHARS)
        name = "REDACTED"
        while found and name in text:
            name += "-X"
        self._secret_of = {f"{name}-{number}": secret for number, secret in enumerate(found, 1)}
        self._name_of = {secret: name for name, secret in self._secret_of.items()}
        self._secrets = _either(found, r"(?<!\w)(?:{})(?!\w)")
        self._names = _either(self._secret_of, r"(?:{})(?!\d)")

    def hide(self, text: str) -> str:
        """Replace the secrets by placeholders."""
        return self._secrets.sub(lambda match: self._name_of[match[0]], text) if self._secrets else text

    def restore(self, text: str) -> str:
        """Put the secrets back."""
        return self._names.sub(lambda match: self._secret_of[match[0]], text) if self._names else text

    def stored(self, text: str) -> str | None:
        """Return a reply as it may be stored; None if it has a secret that ``restore`` could not put back."""
        hidden = self.hide(text)
        return hidden if masking.mask(hidden) == hidden else None


def _either(values: Iterable[str], form: str) -> re.Pattern[str] | None:
    longest_first = sorted(values, key=len, reverse=True)
    return re.compile(form.format("|".join(map(re.escape, longest_first)))) if longest_first else None
