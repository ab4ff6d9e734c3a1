"""The rules for YAML files that compare several places: Kubernetes manifests, GitHub workflows and Compose files."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from reviewer.evidence.diagnostic import Fault
from reviewer.finding import Category, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yaml.nodes import Node

_LONGEST = 200_000  # characters of a file
_DEEPEST = 40
_MOST = 20_000  # nodes of a file
_UNITS = {"": 1.0, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9}
_UNITS |= {unit: 1024.0**power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti"), 1)}
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(m|k|[MG]|[KMGT]i)?")
_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job")
_CONTEXT = re.compile(r"\b(needs|steps|matrix)\.([A-Za-z_][\w-]*)(?:\.outputs\.([A-Za-z_][\w-]*))?")
# Ends at the next opening: a search from each of many that are not closed would take quadratic time.
_EXPRESSION = re.compile(r"\$\{\{((?:[^$}]|\$(?!\{\{)|\}(?!\}))*)\}\}")
_CHECK = re.compile(
    r"(?m)^\s*(?:npm (?:run )?(?:test|lint)|yarn (?:test|lint)|pnpm (?:test|lint)|pytest|python -m pytest|"
    r"go (?:test|vet)|cargo (?:test|clippy)|make (?:test|lint|check)|ruff check|mypy|rspec|bundle exec rspec|phpunit|"
    r"dotnet test|\./gradlew \w*test|mvn\b.* (?:test|verify))\b"
)
_ADDRESS = re.compile(r"(?:://(?:[^@\s/]*@)?|^)([a-z][\w-]*):(\d+)\b")
_SOCKET = re.compile(r"^/var/run/docker\.sock(?::|$)")
_NEEDS_DOCKER = re.compile(r"traefik|portainer|watchtower|dind|docker|runner|agent|cadvisor|dozzle|autoheal|diun")


_REQUEST = Fault(
    "k8s-request-above-limit",
    "The request is above the limit, so the API refuses the pod.",
    "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/",
    Severity.ERROR,
)
_REPLICAS = Fault(
    "k8s-replicas-swapped",
    "The smallest number of replicas is above the largest.",
    "https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/",
    Severity.ERROR,
)
_SELECTS_NOTHING = Fault(
    "k8s-service-selects-nothing",
    "No pod template in this file has these labels, so the service has no endpoints.",
    "https://kubernetes.io/docs/concepts/services-networking/service/",
    Severity.ERROR,
)
_TARGET_PORT = Fault(
    "k8s-service-port-unknown",
    "The containers that the service selects do not list this port.",
    "https://kubernetes.io/docs/concepts/services-networking/service/#field-spec-ports",
    Severity.ERROR,
)
_NOT_ENCODED = Fault(
    "k8s-secret-not-encoded",
    "Values below `data` must be in base64, and this one is not; plain text goes below `stringData`.",
    "https://kubernetes.io/docs/concepts/configuration/secret/",
    Severity.ERROR,
)
_PATH_TYPE = Fault(
    "k8s-path-type-missing",
    "Every path of an Ingress needs a `pathType`, so the API refuses this one.",
    "https://kubernetes.io/docs/concepts/services-networking/ingress/#path-types",
    Severity.ERROR,
)
_BUDGET = Fault(
    "k8s-budget-never-met",
    "The budget needs as many pods as there are replicas, so no node can be drained.",
    "https://kubernetes.io/docs/tasks/run-application/configure-pdb/",
    Severity.ERROR,
)
_VOLUME = Fault(
    "k8s-volume-unknown",
    "The pod has no volume of this name, so the API refuses it.",
    "https://kubernetes.io/docs/concepts/storage/volumes/",
    Severity.ERROR,
)
_GRACE = Fault(
    "k8s-stopped-while-waiting",
    "The pod is killed before its preStop hook is over.",
    "https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/",
    Severity.ERROR,
)
_EITHER = Fault(
    "k8s-policy-allows-either",
    "Two items allow either of them; for pods of these namespaces, both selectors belong into one item.",
    "https://kubernetes.io/docs/concepts/services-networking/network-policies/#behavior-of-to-and-from-selectors",
    Severity.WARNING,
    Category.SECURITY,
)
_OTHER_JOB = Fault(
    "gha-job-not-needed",
    "The job does not name this one in `needs`, so the value is empty here.",
    "https://docs.github.com/en/actions/reference/workflows-and-actions/contexts#needs-context",
    Severity.ERROR,
)
_NO_JOB = Fault(
    "gha-job-unknown",
    "The workflow has no job of this name, so it is refused.",
    "https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idneeds",
    Severity.ERROR,
)
_NO_STEP = Fault(
    "gha-step-unknown",
    "No step of this job has this `id`, so the value is empty.",
    "https://docs.github.com/en/actions/reference/workflows-and-actions/contexts#steps-context",
    Severity.ERROR,
)
_NO_OUTPUT = Fault(
    "gha-output-unknown",
    "The job declares no output of this name, so the value is empty.",
    "https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idoutputs",
    Severity.ERROR,
)
_NO_MATRIX = Fault(
    "gha-matrix-value-unknown",
    "The matrix of this job has no such key, so the value is empty.",
    "https://docs.github.com/en/actions/reference/workflows-and-actions/contexts#matrix-context",
    Severity.ERROR,
)
_IGNORED = Fault(
    "gha-check-never-fails",
    "`continue-on-error` hides every failure, so this check can never fail.",
    "https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepscontinue-on-error",
    Severity.WARNING,
)
_CANCELLED = Fault(
    "gha-deployment-cancelled",
    "A newer run stops the deployment in the middle.",
    "https://docs.github.com/en/actions/how-tos/write-workflows/choose-when-workflows-run/control-workflow-concurrency",
    Severity.WARNING,
)
_AFTER_FAILURE = Fault(
    "gha-deployed-after-failure",
    "With `always()` the job also runs when the jobs that it needs have failed.",
    "https://docs.github.com/en/actions/reference/workflows-and-actions/expressions#always",
    Severity.ERROR,
)
_NO_VOLUME = Fault(
    "compose-volume-unknown",
    "The file declares no volume of this name, so it is refused.",
    "https://docs.docker.com/reference/compose-file/volumes/",
    Severity.ERROR,
)
_NO_NETWORK = Fault(
    "compose-network-unknown",
    "The file declares no network of this name, so it is refused.",
    "https://docs.docker.com/reference/compose-file/networks/",
    Severity.ERROR,
)
_NO_SERVICE = Fault(
    "compose-service-unknown",
    "The file has no service of this name, so it is refused.",
    "https://docs.docker.com/reference/compose-file/services/#depends_on",
    Severity.ERROR,
)
_HOST_PORT = Fault(
    "compose-port-of-host",
    "This is the port on the host; between containers the port of the container counts.",
    "https://docs.docker.com/compose/how-tos/networking/",
    Severity.ERROR,
)
_SOCKET_MOUNTED = Fault(
    "compose-rights-over-host",
    "With this, whoever takes over the container takes over the host.",
    "https://docs.docker.com/engine/security/",
    Severity.WARNING,
    Category.SECURITY,
)


def faults(text: str) -> Iterator[tuple[Fault, tuple[int, int]]]:
    """Report what does not fit together in a YAML file.

    Yields:
        The rule and the place, as offsets in ``text``.
    """
    documents = _documents(text)
    found: list[tuple[Fault, Node]] = []
    if any(_text(one, "kind") for one in documents) and "{{" not in text:
        found += _kubernetes([one for one in documents if _text(one, "kind") and _text(one, "apiVersion")])
    elif len(documents) == 1 and _child(documents[0], "jobs") is not None:
        found += _workflow(documents[0])
    elif len(documents) == 1 and _child(documents[0], "services") is not None:
        found += _compose(documents[0])
    for fault, node in found:
        yield (
            fault,
            (node.start_mark.index, max(node.start_mark.index, min(node.end_mark.index, node.start_mark.index + 80))),
        )


def _documents(text: str) -> list[Node]:
    """Parse a file; empty where it is no YAML, or more than is looked at."""
    import yaml

    if len(text) > _LONGEST or "{{-" in text or "\t" in text[:1]:
        return []
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        documents = [one for one in yaml.compose_all(text, loader) if one is not None]
    except (yaml.YAMLError, RecursionError, ValueError):
        return []
    return documents if sum(1 for one in documents for _ in _walk(one)) < _MOST else []


def _kind(node: Node) -> str:
    """Return scalar, sequence or mapping."""
    return str(getattr(node, "id", ""))


def _walk(node: Node, depth: int = 0, seen: set[int] | None = None) -> Iterator[Node]:
    """Yield a node and those below it, each once; a node that several places name is one node."""
    seen = set() if seen is None else seen
    if id(node) in seen or depth > _DEEPEST:
        return
    seen.add(id(node))
    yield node
    if _kind(node) == "mapping":
        for key, value in node.value:
            yield from _walk(key, depth + 1, seen)
            yield from _walk(value, depth + 1, seen)
    elif _kind(node) == "sequence":
        for one in node.value:
            yield from _walk(one, depth + 1, seen)


def _pairs(node: Node | None) -> list[tuple[str, Node]]:
    """The pairs of a mapping by the text of their keys; empty for any other node."""
    if node is None or _kind(node) != "mapping":
        return []
    return [(key.value, value) for key, value in node.value if _kind(key) == "scalar"]


def _child(node: Node | None, *path: str) -> Node | None:
    for key in path:
        node = dict(_pairs(node)).get(key)
    return node


def _items(node: Node | None) -> list[Node]:
    return list(node.value) if node is not None and _kind(node) == "sequence" else []


def _text(node: Node | None, *path: str) -> str:
    found = _child(node, *path)
    return str(found.value) if found is not None and _kind(found) == "scalar" else ""


def _labels(node: Node | None) -> dict[str, str]:
    return {key: str(value.value) for key, value in _pairs(node) if _kind(value) == "scalar"}


# Kubernetes


def _kubernetes(documents: list[Node]) -> Iterator[tuple[Fault, Node]]:
    workloads = [one for one in documents if _text(one, "kind") in _WORKLOADS]
    for one in documents:
        for node in _walk(one):
            if _kind(node) == "mapping":
                yield from _resources(node)
                yield from _pod(node, one)
        kind = _text(one, "kind")
        if kind in _OBJECTS:
            yield from _OBJECTS[kind](one)
        elif kind == "Service":
            yield from _service(one, workloads)
        elif kind == "PodDisruptionBudget":
            yield from _budget(one, workloads)


def _amount(text: str) -> float | None:
    found = _QUANTITY.fullmatch(text)
    return float(found[1]) * _UNITS[found[2] or ""] if found else None


def _resources(node: Node) -> Iterator[tuple[Fault, Node]]:
    requests, limits = _child(node, "requests"), _child(node, "limits")
    for name, value in _pairs(requests):
        requested, limit = _amount(_text(requests, name)), _amount(_text(limits, name))
        if requested is not None and limit is not None and requested > limit:
            yield _REQUEST, value


def _pod(node: Node, document: Node) -> Iterator[tuple[Fault, Node]]:
    """Check a mapping that has containers, which is the description of a pod."""
    containers = _items(_child(node, "containers"))
    if not containers:
        return
    names = {_text(one, "name") for one in _items(_child(node, "volumes"))}
    claims = _items(_child(document, "spec", "volumeClaimTemplates"))
    names |= {_text(one, "metadata", "name") for one in claims}
    grace = _text(node, "terminationGracePeriodSeconds") or "30"
    for one in (*containers, *_items(_child(node, "initContainers"))):
        if _child(one, "image") is None:  # a part that changes another manifest
            continue
        for mount in _items(_child(one, "volumeMounts")):
            name = _child(mount, "name")
            if name is not None and _kind(name) == "scalar" and name.value not in names:
                yield _VOLUME, name
        command = _child(one, "lifecycle", "preStop", "exec", "command")
        slept = re.search(
            r"\bsleep\s+(\d+)", " ".join(str(part.value) for part in _items(command) if _kind(part) == "scalar")
        )
        if slept and command is not None and grace.isdecimal() and int(slept[1]) >= int(grace):
            yield _GRACE, command


def _autoscaler(one: Node) -> Iterator[tuple[Fault, Node]]:
    lowest, highest = _child(one, "spec", "minReplicas"), _text(one, "spec", "maxReplicas")
    if (
        lowest is not None
        and str(lowest.value).isdecimal()
        and highest.isdecimal()
        and int(lowest.value) > int(highest)
    ):
        yield _REPLICAS, lowest


def _secret(one: Node) -> Iterator[tuple[Fault, Node]]:
    for _, value in _pairs(_child(one, "data")):
        if (
            _kind(value) != "scalar"
            or not value.value
            or "{{" in value.value
            or "$" in value.value
            or "<" in value.value
        ):
            continue
        try:
            base64.b64decode("".join(value.value.split()), validate=True)
        except (binascii.Error, ValueError):
            yield _NOT_ENCODED, value


def _ingress(one: Node) -> Iterator[tuple[Fault, Node]]:
    if _text(one, "apiVersion") != "networking.k8s.io/v1":
        return
    for rule in _items(_child(one, "spec", "rules")):
        for path in _items(_child(rule, "http", "paths")):
            if _kind(path) == "mapping" and _child(path, "pathType") is None:
                yield _PATH_TYPE, path


def _policy(one: Node) -> Iterator[tuple[Fault, Node]]:
    for direction, side in (("ingress", "from"), ("egress", "to")):
        for rule in _items(_child(one, "spec", direction)):
            items = [{key for key, _ in _pairs(item)} for item in _items(_child(rule, side))]
            if sorted(map(sorted, items)) == [["namespaceSelector"], ["podSelector"]]:
                yield _EITHER, _items(_child(rule, side))[1]


_OBJECTS = {"HorizontalPodAutoscaler": _autoscaler, "Secret": _secret, "Ingress": _ingress, "NetworkPolicy": _policy}


def _service(one: Node, workloads: list[Node]) -> Iterator[tuple[Fault, Node]]:
    selector = _labels(_child(one, "spec", "selector"))
    place = _child(one, "spec", "selector")
    if not selector or place is None:
        return
    chosen = [
        other
        for other in workloads
        if selector.items() <= _labels(_child(other, "spec", "template", "metadata", "labels")).items()
    ]
    name = _text(one, "metadata", "name")
    if workloads and not chosen:
        others = [_text(other, "metadata", "name") for other in workloads]
        if any(other and name and (other in name or name in other) for other in others):
            yield _SELECTS_NOTHING, place
        return
    for port in _items(_child(one, "spec", "ports")):
        target = _child(port, "targetPort") or _child(port, "port")
        known = [_container_ports(other) for other in chosen]
        if target is None or _kind(target) != "scalar" or not known or not all(known):
            continue
        if not any(str(target.value) in ports for ports in known):
            yield _TARGET_PORT, target


def _container_ports(workload: Node) -> set[str]:
    """The numbers and the names of the ports that the containers list; empty where one lists none."""
    ports: set[str] = set()
    for container in _items(_child(workload, "spec", "template", "spec", "containers")):
        listed = _items(_child(container, "ports"))
        if not listed:
            return set()
        for port in listed:
            ports |= {_text(port, "containerPort"), _text(port, "name")} - {""}
    return ports


def _budget(one: Node, workloads: list[Node]) -> Iterator[tuple[Fault, Node]]:
    selector = _labels(_child(one, "spec", "selector", "matchLabels"))
    needed = _child(one, "spec", "minAvailable")
    if not selector or needed is None or not str(needed.value).isdecimal():
        return
    for other in workloads:
        labels = _labels(_child(other, "spec", "template", "metadata", "labels"))
        replicas = _text(other, "spec", "replicas")
        if selector.items() <= labels.items() and replicas.isdecimal() and int(needed.value) >= int(replicas):
            yield _BUDGET, needed


# Workflows


def _workflow(document: Node) -> Iterator[tuple[Fault, Node]]:
    jobs = {name: job for name, job in _pairs(_child(document, "jobs")) if _kind(job) == "mapping"}
    for name, job in jobs.items():
        needs = _child(job, "needs")
        needed = {str(one.value): one for one in (_items(needs) or [needs] if needs is not None else [])}
        for other, place in needed.items():
            if other not in jobs and "${{" not in other:
                yield _NO_JOB, place
        yield from _contexts(job, jobs, set(needed))
        yield from _steps(job)
        if re.match(r"(?i)deploy|release|publish", name) and needed:
            condition = _child(job, "if")
            if condition is not None and re.fullmatch(
                r"(?:\$\{\{\s*)?always\(\)(?:\s*\}\})?", str(condition.value).strip()
            ):
                yield _AFTER_FAILURE, condition
    for owner, names in ((document, " ".join(jobs)), *((job, name) for name, job in jobs.items())):
        concurrency = _child(owner, "concurrency")
        cancel = _child(concurrency, "cancel-in-progress")
        about = f"{_text(concurrency, 'group')} {names}"
        deploys = re.search(r"(?i)\b(?:deploy|release|publish|prod)", about)
        harmless = re.search(r"(?i)preview|test|lint|pages|docs|build|check", about)
        if cancel is not None and cancel.value == "true" and deploys and not harmless:
            yield _CANCELLED, cancel


def _contexts(job: Node, jobs: dict[str, Node], needed: set[str]) -> Iterator[tuple[Fault, Node]]:
    """Check what the expressions of a job name."""
    ids = {_text(step, "id") for step in _items(_child(job, "steps"))}
    matrix = _child(job, "strategy", "matrix")
    keys = {key for key, _ in _pairs(matrix)} | {
        key for name in ("include", "exclude") for item in _items(_child(matrix, name)) for key, _ in _pairs(item)
    }
    open_ended = matrix is not None and (
        _kind(matrix) != "mapping" or any(_kind(value) == "scalar" for _, value in _pairs(matrix))
    )
    conditions = {id(value) for node in _walk(job) for key, value in _pairs(node) if key == "if"}
    for node in _walk(job):
        if _kind(node) != "scalar":
            continue
        texts = [node.value] if id(node) in conditions else _EXPRESSION.findall(node.value)
        for context, name, output in (found for text in texts for found in _CONTEXT.findall(text)):
            if context == "needs" and name not in needed and name in jobs:
                yield _OTHER_JOB, node
            elif context == "needs" and output and name in jobs and _lacks(jobs[name], output):
                yield _NO_OUTPUT, node
            elif context == "steps" and name not in ids and _child(job, "steps") is not None:
                yield _NO_STEP, node
            elif context == "matrix" and name not in keys and not open_ended:
                yield _NO_MATRIX, node


def _lacks(job: Node, output: str) -> bool:
    return _child(job, "uses") is None and output not in dict(_pairs(_child(job, "outputs")))


def _steps(job: Node) -> Iterator[tuple[Fault, Node]]:
    for step in _items(_child(job, "steps")):
        ignored = _child(step, "continue-on-error")
        checks = _child(step, "id") is None and _CHECK.search(_text(step, "run")) is not None
        if ignored is not None and ignored.value == "true" and checks:
            yield _IGNORED, ignored


# Compose


def _compose(document: Node) -> Iterator[tuple[Fault, Node]]:
    services = {name: one for name, one in _pairs(_child(document, "services")) if _kind(one) == "mapping"}
    # A file that only changes another one names what that one declares.
    complete = all(_child(one, "image") or _child(one, "build") for one in services.values())
    for one in services.values():
        yield from _rights(one)
        yield from _addresses(one, services)
        if complete and _child(document, "include") is None:
            yield from _names(one, document, services)


def _rights(service: Node) -> Iterator[tuple[Fault, Node]]:
    if _NEEDS_DOCKER.search(_text(service, "image")):
        return
    for place in _named(_child(service, "volumes")):
        if _SOCKET.match(str(place.value)):
            yield _SOCKET_MOUNTED, place
    privileged = _child(service, "privileged")
    if privileged is not None and privileged.value == "true":
        yield _SOCKET_MOUNTED, privileged


def _names(service: Node, document: Node, services: dict[str, Node]) -> Iterator[tuple[Fault, Node]]:
    """Check the names of volumes, networks and services that one service uses."""
    volumes = {name for name, _ in _pairs(_child(document, "volumes"))}
    networks = {name for name, _ in _pairs(_child(document, "networks"))} | {"default"}
    for place in _named(_child(service, "volumes")):
        source, colon, _ = str(place.value).partition(":")
        if colon and re.fullmatch(r"[A-Za-z0-9][\w.-]*", source) and source not in volumes:
            yield _NO_VOLUME, place
    for key, known, fault in (("networks", networks, _NO_NETWORK), ("depends_on", set(services), _NO_SERVICE)):
        for place in _named(_child(service, key)):
            if place.value not in known and "$" not in str(place.value):
                yield fault, place


def _named(node: Node | None) -> list[Node]:
    """The scalars of a list, or the keys of a mapping."""
    if node is not None and _kind(node) == "mapping":
        return [key for key, _ in node.value if _kind(key) == "scalar"]
    return [one for one in _items(node) if _kind(one) == "scalar"]


def _addresses(service: Node, services: dict[str, Node]) -> Iterator[tuple[Fault, Node]]:
    environment = _child(service, "environment")
    places = [value for _, value in _pairs(environment) if _kind(value) == "scalar"] or _named(environment)
    for place in places:
        value = str(place.value)
        found = _ADDRESS.search(value.split("=", 1)[-1])
        if found is None or found[1] not in services:
            continue
        published = [
            str(port.value).split("/")[0].strip().split(":") for port in _named(_child(services[found[1]], "ports"))
        ]
        outside = {parts[-2] for parts in published if len(parts) > 1}
        if found[2] in outside - {parts[-1] for parts in published}:
            yield _HOST_PORT, place
