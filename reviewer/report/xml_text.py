"""Text and documents of the XML formats."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, section 2.2


def clean(text: str) -> str:
    """Replace the characters that XML 1.0 cannot hold by U+FFFD."""
    return _NOT_XML.sub("\ufffd", text)


def document(root: ET.Element) -> str:
    """Write an indented document; ends with a newline."""
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'
