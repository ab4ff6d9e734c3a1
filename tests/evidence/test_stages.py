"""Rules that compare several instructions of a Dockerfile."""

from __future__ import annotations

import pytest

from reviewer.evidence import stages, statements
from tests.evidence.samples import reviewed

FAULTY = [
    (
        (
            'ARG GO_VERSION=1.22\nARG APP_VERSION=dev\nFROM golang:${GO_VERSION} AS build\nRUN go build -ldflags "-X'
            ' v=${APP_VERSION}" \\\n  -o /out .\n'
        ),
        "dockerfile-argument-of-other-stage",
        4,
    ),
    (
        "FROM node:20 AS build\nARG API_URL\nRUN echo $API_URL\nFROM nginx\nLABEL url=$API_URL\n",
        "dockerfile-argument-lost",
        5,
    ),
    ('FROM node:20\nCMD ["node", "a.js"]\nCMD ["node", "b.js"]\n', "dockerfile-command-replaced", 2),
    (
        "FROM node:20 AS build\nRUN make\nFROM nginx\nCOPY --from=builder /app/dist /usr/share/nginx/html\n",
        "dockerfile-stage-unknown",
        4,
    ),
    ("FROM debian\nUSER app\nRUN apt-get update && apt-get install -y curl\n", "dockerfile-packages-without-rights", 3),
    ('FROM debian\nUSER app\nRUN make\nUSER root\nCMD ["a"]\n', "dockerfile-runs-as-root", 4),
    ("FROM debian\nVOLUME /data\nRUN mkdir -p /data/x && chown app /data\n", "dockerfile-volume-changed-later", 3),
    (
        "FROM golang:1.22 AS build\nRUN go build -o /app .\nFROM scratch\nCOPY --from=build /app /app\n",
        "dockerfile-program-without-library",
        2,
    ),
    ("FROM node:20-slim\nHEALTHCHECK CMD curl -f http://localhost/ || exit 1\n", "dockerfile-health-without-curl", 2),
    ("FROM node:20\nWORKDIR /app\nCOPY . .\nRUN npm ci\n", "dockerfile-copied-before-install", 3),
    (
        "FROM node:20\nENV NODE_ENV=production\nCOPY package*.json ./\nRUN npm ci\nCOPY . .\nRUN npm run build\n",
        "dockerfile-build-tools-left-out",
        4,
    ),
    ("FROM node:20\nENV PORT=3000\nEXPOSE 8080\n", "dockerfile-other-port-exposed", 3),
    ("FROM python:3\nRUN source /venv/bin/activate && pip install x\n", "dockerfile-source-in-sh", 2),
    ("FROM a AS b\nFROM c\nCOPY --from=base /x /y\n", "dockerfile-stage-unknown", 3),
    ('FROM a\nENTRYPOINT ["x"]\nENTRYPOINT ["y"]\n', "dockerfile-command-replaced", 2),
    ("FROM a\nUSER 1000\nRUN apk add git\n", "dockerfile-packages-without-rights", 3),
    ("FROM python:3\nADD . /app\nRUN pip install -r /app/r.txt\n", "dockerfile-copied-before-install", 2),
    ("FROM node:20\nUSER node\nRUN npm install -g pnpm\n", "dockerfile-packages-without-rights", 3),
    (
        "FROM golang:1 AS b\nRUN go build -o /a .\nFROM alpine:3\nCOPY --from=b /a /a\n",
        "dockerfile-program-without-library",
        2,
    ),
    ("FROM gcr.io/distroless/static\nCMD /app\n", "dockerfile-shell-missing", 2),
    ("FROM scratch\nCOPY a /a\nRUN mkdir /data\n", "dockerfile-shell-missing", 3),
    ("FROM debian:12\nRUN sudo apt-get update\n", "dockerfile-sudo-missing", 2),
]
RIGHT = [
    "FROM node:20\nENV NPM_CONFIG_PREFIX=/home/node/x\nUSER node\nRUN npm install -g pnpm\n",
    'FROM scratch\nCMD ["/app"]\n',
    "FROM gcr.io/distroless/base:debug\nCMD /app\n",
    "FROM debian:12\nRUN apt-get update && apt-get install -y sudo\nUSER a\nRUN sudo make\n",
    "ARG V=1\nFROM a:$V\nARG V\nRUN make $V\n",
    "FROM a AS one\nARG V\nENV W=$V\nFROM one\nRUN make $V $W\n",
    "FROM a\nRUN for f in a b; do echo $f; done && X=1 && echo $X $HOME $TARGETARCH\n",
    "FROM a AS b\nCMD x\nFROM c\nCOPY --from=b /x /y\nCOPY --from=nginx:1 /x /y\nCOPY --from=0 /x /y\nCMD y\n",
    "FROM a\nUSER app\nRUN make\nUSER root\nRUN apt-get update\nUSER app\n",
    "FROM a\nRUN mkdir -p /data && chown app /data\nVOLUME /data\nRUN mkdir /database\n",
    "FROM golang:1 AS b\nRUN CGO_ENABLED=0 go build -o /a .\nFROM scratch\nCOPY --from=b /a /a\n",
    (
        "FROM golang:1-alpine AS b\nRUN go build -o /a .\nFROM alpine\nCOPY --from=b /a /a\nHEALTHCHECK CMD wget -qO"
        "- localhost\n"
    ),
    "FROM node:20-alpine\nRUN apk add --no-cache curl\nHEALTHCHECK CMD curl -f http://localhost/\n",
    (
        "FROM node:20\nCOPY package*.json ./\nRUN npm ci\nCOPY . .\nRUN npm run build\nENV NODE_ENV=production PORT="
        "8080\nEXPOSE 8080\n"
    ),
    "FROM node:20\nCOPY . .\nRUN npm install -g pm2 && npm run lint\n",
    "FROM node:20\nENV NODE_ENV=production\nRUN npm ci --include=dev\nRUN npm run build\n",
    'FROM a\nSHELL ["/bin/bash", "-c"]\nRUN source x && make\nRUN . y && make\n',
]


@pytest.mark.parametrize(("text", "rule", "line"), FAULTY)
def test_a_fault_between_instructions_is_found(text: str, rule: str, line: int) -> None:
    found = [(one.source.rule, one.line) for one in statements.scan(reviewed("Dockerfile", text))]
    assert found == [(rule, line)]


@pytest.mark.parametrize("text", RIGHT)
def test_right_instructions_are_left_alone(text: str) -> None:
    assert [fault.id for fault, _ in stages.faults(text)] == []
