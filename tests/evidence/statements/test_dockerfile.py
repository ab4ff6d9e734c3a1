"""Rules for single instructions of Dockerfiles: each finds its faulty examples and leaves right ones alone."""

from __future__ import annotations

import pytest

from reviewer.evidence import statements
from tests.evidence.samples import reviewed

FAULTY = [
    ("FROM x\nARG NPM_TOKEN\nRUN npm ci\n", "dockerfile-secret-in-image", 2),
    ("FROM x\nENV DB_PASSWORD=hunter2\n", "dockerfile-secret-in-image", 2),
    ("FROM x\nCOPY --chown=a .npmrc /root/\n", "dockerfile-secret-file-copied", 2),
    ("FROM x\nCOPY id_rsa /root/.ssh/id_rsa\n", "dockerfile-secret-file-copied", 2),
    ("FROM x\nRUN echo $NPM_TOKEN > .npmrc\n", "dockerfile-secret-in-command", 2),
    ("FROM x\nRUN curl -H ${API_KEY} x\n", "dockerfile-secret-in-command", 2),
    ("FROM x\nCMD ['npm', 'start']\n", "dockerfile-command-in-single-quotes", 2),
    ("FROM x\nRUN cd /app\nRUN make\n", "dockerfile-directory-lost", 2),
    ("FROM x\nRUN export PATH=/opt/bin\n", "dockerfile-variable-lost", 2),
    ("FROM x\nRUN apt-get update \\\n && apt-get install curl\n", "dockerfile-install-asks", 3),
    ("FROM x\nRUN apt-get update\n", "dockerfile-stale-package-list", 2),
    ("FROM x\nEXPOSE 80 80000\n", "dockerfile-port-out-of-range", 2),
    ('FROM x\nCMD ["serve", "$PORT"]\n', "dockerfile-variable-in-list", 2),
    ("FROM x\nENV A=1 B=$A\n", "dockerfile-variable-of-same-instruction", 2),
    ("FROM debian\nENV PATH=/opt/bin\n", "dockerfile-path-replaced", 2),
    ("FROM debian\nRUN mkdir /x && chmod -R 777 /x\n", "dockerfile-writable-by-all", 2),
    ('FROM debian\nCMD ["cd", "/app", "&&", "npm", "start"]\n', "dockerfile-operator-in-list", 2),
    ("FROM python:3\nRUN . /venv/bin/activate\n", "dockerfile-start-lost", 2),
    ("FROM debian\nRUN curl -sSLk https://x/y -o y\n", "dockerfile-tls-not-verified", 2),
    ("FROM debian\nSTOPSIGNAL SIGKILL\n", "dockerfile-stopped-by-kill", 2),
    ("FROM debian\nENTRYPOINT node server.js\n", "dockerfile-entrypoint-in-shell", 2),
    ("FROM debian\nADD https://example.com/tool.tgz /opt/\n", "dockerfile-download-not-checked", 2),
    ("FROM debian\nCOPY ../shared /app/shared\n", "dockerfile-outside-of-context", 2),
    ("FROM debian\nRUN rm -rf /var/lib/apt/lists/*\n", "dockerfile-removed-too-late", 2),
    ("FROM debian\nHEALTHCHECK --interval=5s CMD curl http://localhost/health\n", "dockerfile-health-of-any-answer", 2),
]
RIGHT = [
    'FROM x\nCMD ["npm", "start"]\n',
    "FROM x\nRUN cd /app && make\n",
    "FROM x\nRUN export A=1 && make\n",
    "FROM x\nRUN apt-get update && apt-get install -y --no-install-recommends curl\n",
    "FROM x\nRUN apt-get update && apt-get -qy install curl\n",
    "FROM x\nEXPOSE 8080/tcp 65535\n",
    'FROM x\nCMD ["sh", "-c", "serve $PORT"]\nENTRYPOINT ["sh", "-c", "$CMD"]\n',
    "FROM x\nENV A=1\nENV B=$A\n",
    "FROM x\nARG VERSION=1\nENV TOKENIZER=fast PASSWORD_FILE=/run/secrets/p\n",
    "FROM x\n# ENV API_KEY=1\nENV DB_PASSWORD_FILE=/run/secrets/db\n",
    "FROM x\nRUN --mount=type=secret,id=npm,env=NPM_TOKEN npm ci --token $NPM_TOKEN\n",
    "FROM x\nCOPY .env.example /app/\nCOPY --from=build /app/cert /app/\n",
    "FROM x\nCOPY . /app\nRUN wget $TOKEN_HELPER_URL\n",
    "FROM x\nENV PATH=/opt/bin:$PATH\nRUN chmod 1777 /tmp && chmod -R 755 /app\n",
    'FROM x\nENTRYPOINT ["sh", "-c", "a && b"]\nRUN . /v/activate && make\n',
    "FROM x\nRUN curl -fsSL https://a/b -o k\nRUN service nginx start && curl localhost\n",
    "FROM x\nSTOPSIGNAL SIGTERM\nENTRYPOINT exec node server.js\n",
    "FROM x\nADD --checksum=sha256:aa https://a/b /b\nADD https://github.com/a/b.git /b\nCOPY a/../b /c\n",
    "FROM x\nRUN apt-get update && apt-get install -y a && rm -rf /var/lib/apt/lists/*\n",
    "FROM x\nHEALTHCHECK CMD curl -fsS http://localhost/ || exit 1\n",
]


@pytest.mark.parametrize(("text", "rule", "line"), FAULTY)
def test_a_faulty_statement_is_found(text: str, rule: str, line: int) -> None:
    assert [(one.source.rule, one.line) for one in statements.scan(reviewed("Dockerfile", text))] == [(rule, line)]


@pytest.mark.parametrize("text", RIGHT)
def test_a_right_statement_is_left_alone(text: str) -> None:
    assert [one.source.rule for one in statements.scan(reviewed("Dockerfile", text))] == []
