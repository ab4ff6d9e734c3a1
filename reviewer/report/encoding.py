"""Documents of the JSON and XML formats.

What a CI runner would read as a command when the document is printed to its log is written as an escape, which changes
nothing for a parser.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xml.etree import ElementTree as ET

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, section 2.2
_HASHES = re.compile(r"#(?=#)")
_COLON = re.compile(r"^([ \t]*):(?=:)", re.MULTILINE)


def json_text(value: object, *, indent: int | None = 2) -> str:
    """Write a value as ASCII JSON, without a newline at the end."""
    return _HASHES.sub(r"\\u0023", json.dumps(value, indent=indent))


def xml_text(text: str) -> str:
    """Replace the characters that XML 1.0 cannot hold by U+FFFD."""
    return _NOT_XML.sub("\ufffd", text)


def xml_document(root: ET.Element) -> str:
    """Write an indented XML document; ends with a newline."""
    from xml.etree import ElementTree as ET

    ET.indent(root)
    body = _COLON.sub(r"\1&#58;", _HASHES.sub("&#35;", ET.tostring(root, encoding="unicode")))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'
