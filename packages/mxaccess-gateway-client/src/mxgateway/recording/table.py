"""Table: how records of one class are stored, in each kind of file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Table"]

RecordT = TypeVar("RecordT")


class Table(ABC, Generic[RecordT]):
    """The columns of records of one class, and the fields of a record in each kind of file.

    Attributes:
        subject: What the records are about: "tags" or "alarms".
        kinds: The kinds of the records.
        csv_columns: The columns of CSV.
        columns: The columns of SQLite, Parquet and Arrow, and what each holds: "text", "integer", "small", "real",
            "bytes", "time" or "boolean".
        sqlite_table: The name of the table in SQLite.
        sqlite_schema: The statements that create it if it does not exist.
    """

    subject: ClassVar[str]
    kinds: ClassVar[frozenset[str]]
    csv_columns: ClassVar[tuple[str, ...]]
    columns: ClassVar[Mapping[str, str]]
    sqlite_table: ClassVar[str]
    sqlite_schema: ClassVar[str]

    @abstractmethod
    def csv_rows(self, records: Sequence[RecordT]) -> Iterable[Sequence[object]]:
        """Return the cells of each record in the order of `csv_columns`: texts, whole numbers, and None if empty."""

    @abstractmethod
    def json_lines(self, records: Sequence[RecordT]) -> Iterable[str]:
        """Return each record as a JSON object on one line."""

    @abstractmethod
    def sqlite_rows(self, records: Sequence[RecordT]) -> Iterable[Sequence[object]]:
        """Return the fields of each record in the order of `columns`, with times as text."""

    @abstractmethod
    def arrow_columns(self, records: Sequence[RecordT]) -> Mapping[str, list[Any]]:
        """Return the values of each of `columns`, with times as microseconds since 1970."""
