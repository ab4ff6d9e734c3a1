from __future__ import annotations

from typing import TYPE_CHECKING

from bench.tables import write_table

if TYPE_CHECKING:
    from pathlib import Path


def test_a_table_is_replaced_or_appended_and_the_rest_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A\n\n<!-- table: one -->\nold\n<!-- end -->\n\nText.\n", encoding="utf-8")
    write_table(page, "one", "| new |\n")
    write_table(page, "two", "| more |")
    assert page.read_text(encoding="utf-8") == (
        "# A\n\n<!-- table: one -->\n| new |\n<!-- end -->\n\nText.\n\n<!-- table: two -->\n| more |\n<!-- end -->\n"
    )
