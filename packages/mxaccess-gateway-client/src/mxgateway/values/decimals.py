"""Decimal numbers as integers and floats, only if nothing is lost."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

__all__ = ["to_exact_float", "to_exact_int"]

# More digits than any integer of MXAccess has. Checked first: 1E+999999999 as an int would use up the memory.
_MAX_INTEGER_DIGITS: Final = 30


def to_exact_int(number: Decimal) -> int:
    """Return a whole Decimal as an int.

    Raises:
        ValueError: it is not a whole number, or has too many digits for any integer type.
    """
    if number.is_finite() and number.adjusted() < _MAX_INTEGER_DIGITS and number == number.to_integral_value():
        return int(number)
    raise ValueError(f"{number} is not a whole number of up to 64 bits")


def to_exact_float(number: Decimal) -> float:
    """Return a Decimal as the float that is written with the same digits. NaN and infinity are floats too.

    Raises:
        ValueError: a float cannot hold all of its digits.
    """
    if number.is_snan():
        raise ValueError(f"{number} is not a number")
    value = float(number)
    if number.is_finite() and Decimal(repr(value)) != number:
        raise ValueError(f"{number} has more digits than a double can hold")
    return value
