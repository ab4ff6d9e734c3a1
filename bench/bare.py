"""The yardstick: send captured requests all at once with bare httpx and wait for every reply.

    python bench/bare.py REQUESTS.json   (URL, UDS and KEY of the engine in the environment)

A process of its own, so that it pays for its start and imports as a review does.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import httpx


async def main(requests: list[dict[str, str]]) -> None:
    headers = {"Content-Type": "application/json"}
    if os.environ.get("KEY"):
        headers["Authorization"] = f"Bearer {os.environ['KEY']}"
    limits = httpx.Limits(max_connections=None)
    transport = httpx.AsyncHTTPTransport(uds=os.environ.get("UDS") or None, limits=limits)
    async with httpx.AsyncClient(
        base_url=os.environ["URL"],
        transport=transport,
        headers=headers,
        timeout=None,
    ) as client:
        replies = await asyncio.gather(*(client.post(each["path"], content=each["body"]) for each in requests))
    for reply in replies:
        reply.raise_for_status()
    print(json.dumps({"tokens": sum(reply.json()["usage"]["completion_tokens"] for reply in replies)}))


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
