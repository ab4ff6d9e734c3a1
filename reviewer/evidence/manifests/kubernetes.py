"""Rules for Kubernetes manifests that compare several places."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from reviewer.evidence.diagnostic import Fault
from reviewer.evidence.manifests.documents import child, items, kind_of, labels, pairs, text_of, walk
from reviewer.finding import Category, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yaml.nodes import Node

_UNITS = {"": 1.0, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9}
_UNITS |= {unit: 1024.0**power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti"), 1)}
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(m|k|[MG]|[KMGT]i)?")
_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job")
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


def faults(documents: list[Node]) -> Iterator[tuple[Fault, Node]]:
    """Report what does not fit together in the manifests of a file."""
    workloads = [one for one in documents if text_of(one, "kind") in _WORKLOADS]
    for one in documents:
        for node in walk(one):
            if kind_of(node) == "mapping":
                yield from _resources(node)
                yield from _pod(node, one)
        kind = text_of(one, "kind")
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
    requests, limits = child(node, "requests"), child(node, "limits")
    for name, value in pairs(requests):
        requested, limit = _amount(text_of(requests, name)), _amount(text_of(limits, name))
        if requested is not None and limit is not None and requested > limit:
            yield _REQUEST, value


def _pod(node: Node, document: Node) -> Iterator[tuple[Fault, Node]]:
    """Check a mapping that has containers, which is the description of a pod."""
    containers = items(child(node, "containers"))
    if not containers:
        return
    names = {text_of(one, "name") for one in items(child(node, "volumes"))}
    claims = items(child(document, "spec", "volumeClaimTemplates"))
    names |= {text_of(one, "metadata", "name") for one in claims}
    grace = text_of(node, "terminationGracePeriodSeconds") or "30"
    for one in (*containers, *items(child(node, "initContainers"))):
        if child(one, "image") is None:  # a part that changes another manifest
            continue
        for mount in items(child(one, "volumeMounts")):
            name = child(mount, "name")
            if name is not None and kind_of(name) == "scalar" and name.value not in names:
                yield _VOLUME, name
        command = child(one, "lifecycle", "preStop", "exec", "command")
        slept = re.search(
            r"\bsleep\s+(\d+)", " ".join(str(part.value) for part in items(command) if kind_of(part) == "scalar")
        )
        if slept and command is not None and grace.isdecimal() and int(slept[1]) >= int(grace):
            yield _GRACE, command


def _autoscaler(one: Node) -> Iterator[tuple[Fault, Node]]:
    lowest, highest = child(one, "spec", "minReplicas"), text_of(one, "spec", "maxReplicas")
    if (
        lowest is not None
        and str(lowest.value).isdecimal()
        and highest.isdecimal()
        and int(lowest.value) > int(highest)
    ):
        yield _REPLICAS, lowest


def _secret(one: Node) -> Iterator[tuple[Fault, Node]]:
    for _, value in pairs(child(one, "data")):
        if (
            kind_of(value) != "scalar"
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
    if text_of(one, "apiVersion") != "networking.k8s.io/v1":
        return
    for rule in items(child(one, "spec", "rules")):
        for path in items(child(rule, "http", "paths")):
            if kind_of(path) == "mapping" and child(path, "pathType") is None:
                yield _PATH_TYPE, path


def _policy(one: Node) -> Iterator[tuple[Fault, Node]]:
    for direction, side in (("ingress", "from"), ("egress", "to")):
        for rule in items(child(one, "spec", direction)):
            keys = [{key for key, _ in pairs(item)} for item in items(child(rule, side))]
            if sorted(map(sorted, keys)) == [["namespaceSelector"], ["podSelector"]]:
                yield _EITHER, items(child(rule, side))[1]


_OBJECTS = {"HorizontalPodAutoscaler": _autoscaler, "Secret": _secret, "Ingress": _ingress, "NetworkPolicy": _policy}


def _service(one: Node, workloads: list[Node]) -> Iterator[tuple[Fault, Node]]:
    selector = labels(child(one, "spec", "selector"))
    place = child(one, "spec", "selector")
    if not selector or place is None:
        return
    chosen = [
        other
        for other in workloads
        if selector.items() <= labels(child(other, "spec", "template", "metadata", "labels")).items()
    ]
    name = text_of(one, "metadata", "name")
    if workloads and not chosen:
        others = [text_of(other, "metadata", "name") for other in workloads]
        if any(other and name and (other in name or name in other) for other in others):
            yield _SELECTS_NOTHING, place
        return
    for port in items(child(one, "spec", "ports")):
        target = child(port, "targetPort") or child(port, "port")
        known = [_container_ports(other) for other in chosen]
        if target is None or kind_of(target) != "scalar" or not known or not all(known):
            continue
        if not any(str(target.value) in ports for ports in known):
            yield _TARGET_PORT, target


def _container_ports(workload: Node) -> set[str]:
    """The numbers and the names of the ports that the containers list; empty where one lists none."""
    ports: set[str] = set()
    for container in items(child(workload, "spec", "template", "spec", "containers")):
        listed = items(child(container, "ports"))
        if not listed:
            return set()
        for port in listed:
            ports |= {text_of(port, "containerPort"), text_of(port, "name")} - {""}
    return ports


def _budget(one: Node, workloads: list[Node]) -> Iterator[tuple[Fault, Node]]:
    selector = labels(child(one, "spec", "selector", "matchLabels"))
    needed = child(one, "spec", "minAvailable")
    if not selector or needed is None or not str(needed.value).isdecimal():
        return
    for other in workloads:
        theirs = labels(child(other, "spec", "template", "metadata", "labels"))
        replicas = text_of(other, "spec", "replicas")
        if selector.items() <= theirs.items() and replicas.isdecimal() and int(needed.value) >= int(replicas):
            yield _BUDGET, needed
