from __future__ import annotations

import hashlib
import time
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer.terminal.masking import mask, remembering, secrets, visible

# Assembled, so that no scanner takes this file for a leak.
BODY = "Zm9vYmFyMDEyMzQ1Njc4OWFiY2RlZkdISUpLTE1OT1BRUlNUVVZXWFlaMDEyMzQ1"
PEM = f"-----BEGIN RSA PRIVATE {'KEY'}-----\n{BODY}\n{BODY[:40]}\n-----END RSA PRIVATE {'KEY'}-----\n"
LETTERS = "aB3dE5gH7jK9mN1pQ4sT6vX8zA2cD0fG5iJ7"


@pytest.mark.parametrize(
    ("secret", "kept"),
    [
        pytest.param("AKIA" + "IOSFODNN7ABCDEFG", "AKIA", id="aws"),
        pytest.param("ghp_" + LETTERS, "ghp_", id="github"),
        pytest.param("github_pat_" + LETTERS, "gith", id="github-fine-grained"),
        pytest.param("glpat-" + LETTERS[:20], "glpa", id="gitlab"),
        pytest.param("xoxb-" + "123456789012-" + LETTERS[:24], "xoxb", id="slack"),
        pytest.param("sk_live_" + LETTERS[:24], "sk_l", id="stripe"),
        pytest.param("AIza" + LETTERS[:35], "AIza", id="google"),
        pytest.param("GOCSPX-" + LETTERS[:28], "GOCS", id="google-oauth"),
        pytest.param("sk-proj-" + LETTERS, "sk-p", id="openai"),
        pytest.param("hf_" + LETTERS[:34], "hf_a", id="huggingface"),
        pytest.param("npm_" + LETTERS, "npm_", id="npm"),
        pytest.param(
            "eyJ" + "hbGciOiJIUzI1NiJ9.eyJ" + "zdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N", "eyJh", id="jwt"
        ),
    ],
)
@pytest.mark.parametrize("text", ["{}", 'client("{}")', "x={} # rotate me", "{}\n", "- {}, then"])
def test_tokens_keep_their_first_four_characters(secret: str, kept: str, text: str) -> None:
    assert mask(text.format(secret)) == text.format(kept + "…")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgres://app:s3cr3t-pa55word@db:5432/x", "postgres://app:s3cr…@db:5432/x"),
        ("redis://:short1@cache", "redis://:…@cache"),
        ("https://hooks.slack.com/services/T0000AAAA/B0000BBBB/" + "c" * 24, "https://hooks.slack.com/services/T000…"),
        ("Authorization: Bearer " + LETTERS, "Authorization: Bearer aB3d…"),
        ('password = "c0rrect-horse!9"', 'password = "c0rr…"'),
        ("password = 'x7#Kp2$q'", "password = '…'"),
        ('DB_PASSWORD: str = "c0rrect-horse!9"', 'DB_PASSWORD: str = "c0rr…"'),
        ('h["Authorization"] = "Basic dTE6cGFzczEyMzQ="', 'h["Authorization"] = "Basic dTE6…"'),
        ('"client_secret": "8f3a9c1e77b04d2f"', '"client_secret": "8f3a…"'),
        ('config["api_key"] = "8f3a9c1e77b04d2f"', 'config["api_key"] = "8f3a…"'),
        ("API_KEY=8f3a9c1e77b04d2f", "API_KEY=8f3a…"),
        ("export AWS_SECRET_ACCESS_KEY=wJalr/K7MDENG+bPxRfiCYzz", "export AWS_SECRET_ACCESS_KEY=wJal…"),
        ("  api-key: 8f3a9c1e77b04d2f\n  next: 1", "  api-key: 8f3a…\n  next: 1"),
        ("String apiKey = `8f3a9c1e77b04d2f`;", "String apiKey = `8f3a…`;"),
        (":secret => '8f3a9c1e77b04d2f'", ":secret => '8f3a…'"),
        ('token := "kJhGfDsAqWeRtYuI"', 'token := "kJhG…"'),
    ],
)
def test_secrets_in_their_surroundings(text: str, masked: str) -> None:
    assert mask(text) == masked


HEX = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
LONG = (LETTERS * 8)[:180]
KINDS = {
    "short value in YAML": ("password: {}", "x7Kp2q"),
    "bare value in YAML": ("db_password: {}", "tr0ub4dor"),
    "environment file": ("DB_PASSWORD={}", "s3cr3t!"),
    "environment file, short": ("SECRET={}", "aB3dE5"),
    "INI file": ("password = {}", "hunter2x9"),
    "XML element": ("<password>{}</password>", "hunter2x9"),
    "XML attribute": ('<add password="{}"/>', "hunter2x9"),
    "netrc": ("machine example.com login me password {}", "hunter2x9"),
    "basic authentication": ("Authorization: Basic {}", "bWU6aHVudGVyMng5IQ=="),
    "curl --user": ("curl -s -u admin:{} https://example.com", "hunter2x9"),
    "pass phrase": ('passphrase = "{}"', "correct horse battery staple"),
    "pass phrase in YAML": ("passphrase: {}", "correct horse battery staple"),
    "Twilio": ('call("{}")', "SK" + HEX),
    "Mailgun": ('call("{}")', "key-" + HEX),
    "Firebase": ('call("{}")', "AAAA" + LETTERS[:7] + ":" + "APA91b" + LONG[:134]),
    "age": ("{}", "AGE-SECRET-" + "KEY-1" + "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L" * 2),
    "Vault": ('call("{}")', "hvs." + LONG[:90]),
    "Vault, old": ('call("{}")', "s." + LETTERS[:24]),
    "Atlassian": ('call("{}")', "ATATT" + "3" + LONG),
    "Shopify": ('call("{}")', "shp" + "at_" + HEX),
    "Square": ('call("{}")', "EAAA" + LONG[:60]),
    "Square, OAuth": ('call("{}")', "sq0" + "csp-" + LONG[:43]),
    "New Relic": ('call("{}")', "NRAK" + "-" + LETTERS[:27].upper()),
    "Groq": ('call("{}")', "gsk" + "_" + LONG[:52]),
    "Linear": ('call("{}")', "lin" + "_api_" + LONG[:40]),
    "Perplexity": ('call("{}")', "pplx" + "-" + LONG[:48]),
    "Databricks": ('call("{}")', "dapi" + HEX),
    "Pulumi": ('call("{}")', "pul" + "-" + HEX + HEX[:8]),
    "Terraform": ('call("{}")', LETTERS[:14] + ".atlas" + "v1." + LONG[:64]),
    "Telegram": ('call("{}")', "123456789" + ":AA" + LONG[:33]),
    "Discord": ('call("{}")', "MTIzNDU2Nzg5MDEyMzQ1Njc4" + "." + LETTERS[:6] + "." + LETTERS[:27]),
    "Azure": ('"https://x.blob.core.windows.net/?sv=2020&sig={}"', "aB3dE5gH7jK9mN1pQ4sT6vX8zA2cD0fG5iJ7mN%3D"),
    "Heroku": ("HEROKU_API_KEY={}", str(uuid.UUID(hex=HEX))),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_secret_of_the_change_is_masked_wherever_it_occurs(kind: str) -> None:
    line, secret = KINDS[kind]
    prose = f"The value {secret} is stored in the code; use a variable instead of `{secret}`."
    assert secret not in mask(f"a = 1\n{line.format(secret)}\nb = 2\n")
    with remembering(secrets(line.format(secret))):
        masked = mask(prose)
        assert secret not in masked
        assert mask(masked) == masked
        assert masked.startswith("The value ")
        assert masked.endswith("`.")
    assert mask("nothing is remembered afterwards: tr0ub4dor") == "nothing is remembered afterwards: tr0ub4dor"


def test_only_whole_words_are_remembered() -> None:
    with remembering({"abc12", "x"}):
        assert mask("abc12 abc123 xabc12 x") == "… abc123 xabc12 x"


def test_private_key_bodies_go_and_lines_stay() -> None:
    masked = mask(f"before = 1\n{PEM}after = 2\n")
    assert BODY[4:20] not in masked
    assert masked.count("\n") == PEM.count("\n") + 2
    assert masked.startswith("before = 1\n-----BEGIN RSA")
    assert masked.endswith("-----\nafter = 2\n")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(PEM.partition("-----END")[0] + "and then some code\n", id="cut at its end"),
        pytest.param(PEM.partition("-----\n")[2].replace(BODY[:40] + "\n", BODY + "\n"), id="cut at its beginning"),
        pytest.param('KEY = "' + PEM.replace("\n", "\\n") + '"', id="on one line"),
        pytest.param(PEM.replace("\n", '" +\n    "'), id="string per line"),
        pytest.param(PEM.replace("\n", "\nProc-Type: 4,ENCRYPTED\n\n", 1), id="encrypted, with headers"),
    ],
)
def test_private_keys_in_pieces(text: str) -> None:
    masked = mask(text)
    assert BODY[:30] not in masked
    assert masked.count("\n") == text.count("\n")
    assert ("some code" in masked) == ("some code" in text)


@pytest.mark.parametrize(
    "text",
    [
        hashlib.sha256(b"x").hexdigest(),
        f'sha256 = "{hashlib.sha256(b"x").hexdigest()}"',
        "\n".join(hashlib.sha256(bytes([n])).hexdigest() for n in range(5)) + "\n",
        f'  "integrity": "sha512-{BODY}{BODY[:24]}==",',
        f"id = '{uuid.UUID(int=7)}'",
        "commit 3f786850e387550fdab836ed7e6dc881de23001b",
        "gl-checks and sk-folding-cube-animation-name-long",
        "password = os.environ['PASSWORD']",
        "password = request.form.password1",
        "password = get_password(user1)",
        "PASSWORD=${DB_PASSWORD_2}",
        'password = "<your password>"',
        'secret_name = "team-a/database-7/production"',
        'TOKEN_URL = "https://id.example/oauth2/v1/token"',
        'tokenizer = "gpt2-medium-v1"',
        '"jsonwebtoken": "^9.0.2-beta.1",',
        'token = "next_page_token"',
        "max_tokens = 4096",
        "token_count = 123456789",
        "secret = token_v2_response",
        "secret = self.secret2",
        "password: str",
        "pwd = os.getcwd()",
        "curl -u user https://example.com",
        'passphrase = prompt("Enter it")',
        "Authorization: Basic, then Bearer",
        "is.lower and s.startswith24characters()",
        'label = "Enter your password: "',
        "raise KeyError(api_key)",
        "https://example.org/a:b@c",
        "git@github.com:owner/name.git",
        "postgres://user:password@host/db and https://[user:PASSWD@]proxy",
        ":param token: `get_token2()` may refresh it",
        "ident_token = f'([{uni.start2}][{uni.go}]+)'",
        "http://${USER}:${PASSWORD}@host/",
        "the bearer of bad news, basic understanding",
        "def f(token: str = DEFAULT_TOKEN_V1) -> None:",
        "key: value",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert mask(text) == text


@given(
    st.text() | st.from_regex(r"(password = \"[!-~]{0,30}\"|://[a-z]{0,5}:[!-~]{0,20}@|[A-Za-z0-9+/=\n-]{0,90}){0,4}")
)
def test_masking_twice_changes_nothing_and_lines_stay(text: str) -> None:
    once = mask(text)
    assert mask(once) == once
    assert once.count("\n") == text.count("\n")


@pytest.mark.parametrize(
    "seed",
    [
        "]",
        "eyJ-",
        "eyJaaaaaaaaaaa.",
        "password=",
        "://",
        "://a:",
        "-----BEGIN PRIVATE KEY-----",
        "sk-",
        "secretpassword",
        "a",
        "A" * 64 + "\n",
        "token: : ",
        "xoxb-1",
    ],
)
def test_time_is_linear(seed: str) -> None:
    def seconds(size: int) -> float:
        text = seed * (size // len(seed))
        started = time.process_time()
        mask(text)
        return time.process_time() - started

    # Quadratic time at this size would take minutes.
    assert seconds(400_000) < 4


_PIECES = [
    *("eyJ", "sk-", "password", "token", "key", "secret", "://", "-----BEGIN PRIVATE KEY-----", "Bearer ", "curl -u "),
    *(
        "Authorization: Basic ",
        "login ",
        "s.",
        "hvs.",
        "<password>",
        "</",
        "sig=",
        ":AA",
        "M",
        "A" * 64,
        "aA1",
        "=",
        ":",
    ),
    *(".", "/", "_", "-", "+", "@", "[", "]", '"', "'", " ", "\t", "\n", "…", "$", "%"),
]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(_PIECES), min_size=1, max_size=5).map("".join), st.sampled_from(_PIECES))
def test_no_repeated_text_takes_long(seed: str, before: str) -> None:
    text = before + seed * (30_000 // len(seed))
    started = time.process_time()
    mask(text)
    mask("password=" + text.replace("\n", ""))
    assert time.process_time() - started < 2  # quadratic time would take more than ten seconds


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\nnext", "plain\ttext\nnext"),
        ("a\r\nb", "a\nb"),
        ("over\rwritten", "over<U+000D>written"),
        ("\x1b[2J\x1b]0;owned\x07", "<U+001B>[2J<U+001B>]0;owned<U+0007>"),
        ("if x:\u202e # nimda", "if x:<U+202E> # nimda"),
        ("\u2066a\u2069", "<U+2066>a<U+2069>"),
        ("zero\u200bwidth \ufeffBOM", "zero<U+200B>width <U+FEFF>BOM"),
        ("is\u200dadmin", "is<U+200D>admin"),
        ("می\u200cخواهم 👩\u200d💻 ❤\ufe0f", "می\u200cخواهم 👩\u200d💻 ❤\ufe0f"),  # noqa: RUF001 - Persian
        ("tag\U000e0041", "tag<U+E0041>"),
        ("\x9b31m", "<U+009B>31m"),
        ("a\u2028b\x0cc\x85d", "a<U+2028>b<U+000C>c<U+0085>d"),
        (b"caf\xe9".decode("utf-8", "surrogateescape"), "caf\ufffd"),
        ("naïve 漢字", "naïve 漢字"),
    ],
)
def test_deceptive_characters_are_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_visible_text_has_no_hidden_line_breaks_and_encodes(text: str) -> None:
    shown = visible(text)
    assert shown.splitlines() == shown.removesuffix("\n").split("\n") or not shown
    shown.encode("utf-8")
    assert visible(shown) == shown
