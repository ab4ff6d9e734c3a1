"""The yardstick: send captured requests all at once with bare httpx and wait for every reply.

    python bench/bare.py REQUESTS.json   (URL, UDS and KEY of the engine in the environment)

A process of its own, so that it pays for its start and imports as a review does. Prints the tokens of the replies and
the seconds from the first request to the last reply.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
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
        began = time.perf_counter()
        replies = await asyncio.gather(*(client.post(each["path"], content=each["body"]) for each in requests))
    seconds = time.perf_counter() - began
    for reply in replies:
        reply.raise_for_status()
    tokens = sum(reply.json()["usage"]["completion_tokens"] for reply in replies)
    print(json.dumps({"tokens": tokens, "seconds": seconds}))


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
