"""Rules for Compose files that compare several places."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reviewer.evidence.diagnostic import Fault
from reviewer.evidence.manifests.documents import child, items, kind_of, pairs, text_of
from reviewer.finding import Category, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yaml.nodes import Node

_ADDRESS = re.compile(r"(?:://(?:[^@\s/]*@)?|^)([a-z][\w-]*):(\d+)\b")
_SOCKET = re.compile(r"^/var/run/docker\.sock(?::|$)")
_NEEDS_DOCKER = re.compile(r"traefik|portainer|watchtower|dind|docker|runner|agent|cadvisor|dozzle|autoheal|diun")
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


def faults(document: Node) -> Iterator[tuple[Fault, Node]]:
    """Report what does not fit together in a Compose file."""
    services = {name: one for name, one in pairs(child(document, "services")) if kind_of(one) == "mapping"}
    # A file that only changes another one names what that one declares.
    complete = all(child(one, "image") or child(one, "build") for one in services.values())
    for one in services.values():
        yield from _rights(one)
        yield from _addresses(one, services)
        if complete and child(document, "include") is None:
            yield from _names(one, document, services)


def _rights(service: Node) -> Iterator[tuple[Fault, Node]]:
    if _NEEDS_DOCKER.search(text_of(service, "image")):
        return
    for place in _named(child(service, "volumes")):
        if _SOCKET.match(str(place.value)):
            yield _SOCKET_MOUNTED, place
    privileged = child(service, "privileged")
    if privileged is not None and privileged.value == "true":
        yield _SOCKET_MOUNTED, privileged


def _names(service: Node, document: Node, services: dict[str, Node]) -> Iterator[tuple[Fault, Node]]:
    """Check the names of volumes, networks and services that one service uses."""
    volumes = {name for name, _ in pairs(child(document, "volumes"))}
    networks = {name for name, _ in pairs(child(document, "networks"))} | {"default"}
    for place in _named(child(service, "volumes")):
        source, colon, _ = str(place.value).partition(":")
        if colon and re.fullmatch(r"[A-Za-z0-9][\w.-]*", source) and source not in volumes:
            yield _NO_VOLUME, place
    for key, known, fault in (("networks", networks, _NO_NETWORK), ("depends_on", set(services), _NO_SERVICE)):
        for place in _named(child(service, key)):
            if place.value not in known and "$" not in str(place.value):
                yield fault, place


def _named(node: Node | None) -> list[Node]:
    """The scalars of a list, or the keys of a mapping."""
    if node is not None and kind_of(node) == "mapping":
        return [key for key, _ in node.value if kind_of(key) == "scalar"]
    return [one for one in items(node) if kind_of(one) == "scalar"]


def _addresses(service: Node, services: dict[str, Node]) -> Iterator[tuple[Fault, Node]]:
    environment = child(service, "environment")
    places = [value for _, value in pairs(environment) if kind_of(value) == "scalar"] or _named(environment)
    for place in places:
        value = str(place.value)
        found = _ADDRESS.search(value.split("=", 1)[-1])
        if found is None or found[1] not in services:
            continue
        published = [
            str(port.value).split("/")[0].strip().split(":") for port in _named(child(services[found[1]], "ports"))
        ]
        outside = {parts[-2] for parts in published if len(parts) > 1}
        if found[2] in outside - {parts[-1] for parts in published}:
            yield _HOST_PORT, place
