"""Rules that compare several places of a YAML file."""

from __future__ import annotations

import time

import pytest

from reviewer.evidence import manifests, statements
from tests.evidence.samples import reviewed

WORKFLOW = """\
jobs:
  build:
    runs-on: ubuntu-latest
    outputs:
      v: ${{ steps.x.outputs.v }}
    steps:
      - id: x
        run: echo v=1 >> $GITHUB_OUTPUT
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  template:
    metadata:
      labels:
        app: web
    spec:
      containers:
        - name: web
          image: web:1
          ports:
            - name: http
              containerPort: 8080
"""
SERVICE = """\
---
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector:
    app: {app}
  ports:
    - port: 80
      targetPort: {port}
"""
COMPOSE = """\
services:
  db:
    image: postgres:16
    ports:
      - "5433:5432"
"""
FAULTY = [
    (WORKFLOW + "  use:\n    steps:\n      - run: echo ${{ needs.build.outputs.v }}\n", "gha-job-not-needed", 11),
    (WORKFLOW + "  use:\n    needs: [biuld]\n    steps:\n      - run: a\n", "gha-job-unknown", 10),
    (WORKFLOW + "  use:\n    needs: build\n    if: needs.build.outputs.w == '1'\n", "gha-output-unknown", 11),
    (WORKFLOW + "  use:\n    steps:\n      - run: echo ${{ steps.x.outputs.v }}\n", "gha-step-unknown", 11),
    (
        "jobs:\n  a:\n    strategy:\n      matrix:\n        os: [a, b]\n    steps:\n      - run: ${{ matrix.node }}\n",
        "gha-matrix-value-unknown",
        7,
    ),
    ("jobs:\n  a:\n    steps:\n      - run: npm test\n        continue-on-error: true\n", "gha-check-never-fails", 5),
    (
        "concurrency:\n  group: x\n  cancel-in-progress: true\njobs:\n  deploy:\n    steps:\n      - run: ./d\n",
        "gha-deployment-cancelled",
        3,
    ),
    (WORKFLOW + "  deploy:\n    needs: build\n    if: always()\n", "gha-deployed-after-failure", 11),
    (DEPLOYMENT + SERVICE.format(app="api", port=8080), "k8s-service-selects-nothing", 25),
    (DEPLOYMENT + SERVICE.format(app="web", port=80), "k8s-service-port-unknown", 28),
    (
        DEPLOYMENT + "          volumeMounts:\n            - name: data\n              mountPath: /d\n",
        "k8s-volume-unknown",
        19,
    ),
    (
        DEPLOYMENT + "          resources:\n            requests: {memory: 1Gi}\n            limits: {memory: 512Mi}\n",
        "k8s-request-above-limit",
        19,
    ),
    (
        DEPLOYMENT
        + "          lifecycle:\n            preStop:\n              exec:\n                command: [sleep 60]\n",
        "k8s-stopped-while-waiting",
        21,
    ),
    (
        DEPLOYMENT + "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nspec:\n  minAvailable: 2\n"
        "  selector:\n    matchLabels:\n      app: web\n",
        "k8s-budget-never-met",
        22,
    ),
    (
        "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nspec:\n  minReplicas: 10\n  maxReplicas: 5\n",
        "k8s-replicas-swapped",
        4,
    ),
    ("apiVersion: v1\nkind: Secret\ndata:\n  password: hunter2!\n", "k8s-secret-not-encoded", 4),
    (
        (
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nspec:\n  rules:\n    - http:\n        paths:\n"
            "          - path: /\n            backend: {}\n"
        ),
        "k8s-path-type-missing",
        7,
    ),
    (
        (
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nspec:\n  ingress:\n    - from:\n"
            "        - namespaceSelector: {}\n        - podSelector: {}\n"
        ),
        "k8s-policy-allows-either",
        7,
    ),
    (COMPOSE + "    volumes:\n      - data:/var/lib\n", "compose-volume-unknown", 7),
    (COMPOSE + "    networks: [back]\n", "compose-network-unknown", 6),
    (COMPOSE + "  web:\n    image: web\n    depends_on:\n      - database\n", "compose-service-unknown", 9),
    (
        COMPOSE + "  web:\n    image: web\n    environment:\n      DB: postgres://u:p@db:5433/x\n",
        "compose-port-of-host",
        9,
    ),
    (COMPOSE + "    privileged: true\n", "compose-rights-over-host", 6),
    (COMPOSE + "    volumes:\n      - /var/run/docker.sock:/var/run/docker.sock\n", "compose-rights-over-host", 7),
]
RIGHT = [
    WORKFLOW
    + "  use:\n    needs: [build]\n    steps:\n      - id: y\n        run: ${{ needs.build.outputs.v }} needs.x.y\n",
    WORKFLOW + "  use:\n    uses: ./a.yml\n  more:\n    needs: use\n    if: needs.use.outputs.any\n",
    "jobs:\n  a:\n    strategy:\n      matrix: ${{ fromJSON(x) }}\n    steps:\n      - run: echo ${{ matrix.node }}\n",
    "jobs:\n  a:\n    strategy:\n      matrix:\n        include: [{os: a}]\n    steps: [{run: '${{ matrix.os }}'}]\n",
    "jobs:\n  a:\n    steps:\n      - run: ./notify\n        continue-on-error: true\n",
    "concurrency:\n  group: ci\n  cancel-in-progress: true\njobs:\n  test:\n    steps: []\n",
    DEPLOYMENT + SERVICE.format(app="web", port="http"),
    DEPLOYMENT + SERVICE.format(app="other", port=80).replace("name: web", "name: other") + "---\nkind: Job\n",
    DEPLOYMENT + "          resources:\n            requests: {cpu: 100m}\n            limits: {cpu: 1, memory: 1Gi}\n",
    "apiVersion: v1\nkind: Secret\ndata:\n  password: aHVudGVyMg==\nstringData:\n  a: b!\n",
    "apiVersion: v1\nkind: Secret\ndata:\n  password: {{ .Values.password }}\n",
    COMPOSE + "    volumes:\n      - data:/var/lib\n      - ./a:/b\nvolumes:\n  data:\n",
    COMPOSE + "  web:\n    image: web\n    depends_on: [db]\n    environment: [DB=postgres://u:p@db:5432/x]\n",
    "services:\n  web:\n    depends_on: [db]\n    volumes:\n      - data:/x\n",
    "services:\n  traefik:\n    image: traefik:3\n    volumes:\n      - /var/run/docker.sock:/var/run/docker.sock\n",
    "a: [1, 2\n",
    "- a\n- b\n",
]


@pytest.mark.parametrize(("text", "rule", "line"), FAULTY)
def test_a_fault_between_places_is_found(text: str, rule: str, line: int) -> None:
    assert [(one.source.rule, one.line) for one in statements.scan(reviewed("a.yml", text))] == [(rule, line)]


@pytest.mark.parametrize("text", RIGHT)
def test_what_fits_together_is_left_alone(text: str) -> None:
    assert [fault.id for fault, _ in manifests.faults(text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "a: &a [x]\nb: &b [*a, *a]\n" + "".join(f"c{i}: &c{i} [*b, *b]\n" for i in range(5000)),
        "kind: A\napiVersion: v1\nx: &x {y: *x}\n",
        "kind: A\napiVersion: v1\n---\n" * 4000,
        "jobs:\n" + "".join(f"  j{i}:\n    if: needs.j{i}.result\n" for i in range(5000)),
        "services:\n" + "".join(f"  s{i}:\n    image: a\n    depends_on: [s{i}]\n" for i in range(3000)),
        "jobs: {a: {if: '" + "needs.a " * 20_000 + "'}}\n",
    ],
)
def test_no_text_takes_long(text: str) -> None:
    began = time.process_time()
    list(manifests.faults(text))
    assert time.process_time() - began < 20


def test_expressions_that_are_not_closed_take_no_time() -> None:
    began = time.process_time()
    list(manifests.faults('jobs:\n  a:\n    run: "' + "${{ needs." * 15_000 + '"\n'))
    assert time.process_time() - began < 4
