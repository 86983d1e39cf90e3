"""The types that a value on the command line can have."""

from typing import Final

__all__ = ["ARRAY_SUFFIX", "SCALAR_TYPES", "VALUE_TYPES"]

ARRAY_SUFFIX: Final = "[]"
SCALAR_TYPES: Final = ("bool", "int32", "int64", "float", "double", "string", "timestamp")
VALUE_TYPES: Final = (*SCALAR_TYPES, *(f"{name}{ARRAY_SUFFIX}" for name in SCALAR_TYPES))
