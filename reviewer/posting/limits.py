"""How long a forge asks to wait when a rate limit is hit.

GitHub, "Rate limits for the REST API": 403 or 429 with ``retry-after`` or ``x-ratelimit-reset``; a secondary limit may
have neither, and then asks for a minute, longer each time. GitLab, "Rate limits": 429 with ``Retry-After``.
"""

from __future__ import annotations

import email.utils
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

_SECONDARY = 60.0
_FORBIDDEN, _TOO_MANY = 403, 429
_LIMITED_QUERY = re.compile(rb'"type"\s*:\s*"RATE_LIMIT(?:ED)?"')


def delay(response: httpx.Response, attempt: int, now: float) -> float | None:
    """Return how many seconds to wait before the same request; None if no rate limit was hit.

    Args:
        response: The whole answer.
        attempt: How often the request was sent before.
        now: Seconds since the epoch.
    """
    if response.status_code not in (_FORBIDDEN, _TOO_MANY) and not _is_limited_query(response):
        return None
    headers = response.headers
    if "retry-after" in headers:
        return _seconds(headers["retry-after"], now)
    for prefix in ("x-ratelimit", "ratelimit"):
        if headers.get(f"{prefix}-remaining") == "0" and headers.get(f"{prefix}-reset", "").isdigit():
            return max(1.0, int(headers[f"{prefix}-reset"]) - now + 1)
    if "secondary rate limit" in response.text.lower():
        return float(_SECONDARY * 2**attempt)
    return None if response.status_code == _FORBIDDEN else float(2**attempt)


def _seconds(after: str, now: float) -> float:
    """Read ``Retry-After``: seconds or a date."""
    if after.strip().isdigit():
        return float(after)
    try:
        due: float = email.utils.parsedate_to_datetime(after).timestamp()
        return max(1.0, due - now)
    except (ValueError, OverflowError):
        return _SECONDARY


def _is_limited_query(response: httpx.Response) -> bool:
    """Whether this is GitHub's answer to a GraphQL query over the limit: success, with an error in it."""
    return response.is_success and _LIMITED_QUERY.search(response.content[:4096]) is not None
