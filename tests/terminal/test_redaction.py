from __future__ import annotations

from reviewer.terminal.masking import mask, remembering
from reviewer.terminal.redaction import Redaction

# Assembled, so that no scanner takes this file for a leak.
TOKEN = "ghp_" + "aB3dE5gH7jK9mN1pQ4sT6vX8zA2cD0fG5iJ7"
PASSWORD = "tr0ub4" + "dor9x"


def test_secrets_are_replaced_and_put_back() -> None:
    texts = [f'client("{TOKEN}")', f"password: {PASSWORD}\n"]
    redaction = Redaction(texts)
    hidden = [redaction.hide(text) for text in texts]
    assert TOKEN not in hidden[0]
    assert PASSWORD not in hidden[1]
    assert [redaction.restore(text) for text in hidden] == texts
    assert mask(hidden[1]) == hidden[1], "a placeholder is no secret"
    assert Redaction(texts).hide(texts[0]) == hidden[0], "the same texts give the same request"


def test_a_placeholder_that_the_code_has_is_not_taken_for_ours() -> None:
    text = f'x = "REDACTED-1"\nclient("{TOKEN}")'
    redaction = Redaction([text])
    assert TOKEN not in redaction.hide(text)
    assert redaction.restore(redaction.hide(text)) == text


def test_many_secrets_keep_apart() -> None:
    texts = [f"ghp_{number:02d}" + TOKEN[6:] for number in range(12)]
    redaction = Redaction(["\n".join(texts)])
    for text in texts:
        assert redaction.restore(redaction.hide(text)) == text


def test_what_is_known_by_its_place_is_hidden_elsewhere() -> None:
    with remembering([PASSWORD]):
        assert PASSWORD not in Redaction([f"f({PASSWORD})"]).hide(f"f({PASSWORD})")


def test_a_reply_is_stored_with_placeholders_or_not_at_all() -> None:
    redaction = Redaction([f'client("{TOKEN}")'])
    assert redaction.stored(f"Uses {TOKEN}.") == "Uses REDACTED-1."
    assert redaction.stored("Uses ghp_" + "0" * 2 + TOKEN[6:]) is None
    assert Redaction(["x = 1"]).stored("Sets x.") == "Sets x."
