"""The rules for YAML files that compare several places: Kubernetes manifests, GitHub workflows and Compose files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.evidence.manifests import compose, kubernetes, workflows
from reviewer.evidence.manifests.documents import child, parsed, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yaml.nodes import Node

    from reviewer.evidence.diagnostic import Fault


def faults(text: str) -> Iterator[tuple[Fault, tuple[int, int]]]:
    """Report what does not fit together in a YAML file.

    Yields:
        The rule and the place, as offsets in ``text``.
    """
    documents = parsed(text)
    found: list[tuple[Fault, Node]] = []
    if any(text_of(one, "kind") for one in documents) and "{{" not in text:
        found += kubernetes.faults([one for one in documents if text_of(one, "kind") and text_of(one, "apiVersion")])
    elif len(documents) == 1 and child(documents[0], "jobs") is not None:
        found += workflows.faults(documents[0])
    elif len(documents) == 1 and child(documents[0], "services") is not None:
        found += compose.faults(documents[0])
    for fault, node in found:
        yield (
            fault,
            (node.start_mark.index, max(node.start_mark.index, min(node.end_mark.index, node.start_mark.index + 80))),
        )
