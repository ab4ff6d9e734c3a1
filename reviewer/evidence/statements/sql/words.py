"""Parts of patterns that several modules share."""

from __future__ import annotations

VALUE = r"(?:'[^']*'|\?|[:@$]?\w+(?:\.\w+)?)"
MONEY = r"(?:\w+_)?(?:price|amount|balance|cost|salary|fee|revenue|subtotal)(?:_(?:usd|eur|net|gross|total))?"
