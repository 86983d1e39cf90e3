"""Column: a column of a table and of CSV."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Column"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table and of CSV.

    Attributes:
        name: The heading, such as "item handle"; in CSV with underscores.
        is_flexible: Whether its texts are wrapped if the table is too wide.
        is_optional: Whether a table leaves it out if it has no text. CSV always has all columns.
        spans: Whether its text takes the place of the columns before it in a row that has none there, as the reason
            for a missing value does.
        style: The style of the column on a terminal.
    """

    name: str
    is_flexible: bool = False
    is_optional: bool = False
    spans: bool = False
    style: str = ""
