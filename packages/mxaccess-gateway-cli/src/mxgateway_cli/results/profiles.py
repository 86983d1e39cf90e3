"""Profiles as lines, rows and JSON records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mxgateway.profiles import ApiKeySource, Profile
from mxgateway_cli.connecting.target import DEFAULT_API_KEY_VARIABLE
from mxgateway_cli.output.columns import Column
from mxgateway_cli.output.layouts import Layout

if TYPE_CHECKING:
    from mxgateway_cli.output.console import Output
    from mxgateway_cli.output.formatting import Zone

__all__ = ["PROFILES", "ProfileRow", "print_profile", "print_removed"]

_DEFAULT_KEY: Final = ApiKeySource(kind="environment", name=DEFAULT_API_KEY_VARIABLE)
# What the record has under other names.
_ENDPOINTS: Final = frozenset({"endpoint", "endpoints", "plaintext"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRow:
    """A profile to print.

    Attributes:
        profile: The profile.
        is_default: Whether it is the default one.
    """

    profile: Profile
    is_default: bool

    @property
    def endpoints(self) -> list[str]:
        """The endpoints of the gateway."""
        settings = self.profile.settings
        given: list[Any] = list(settings.get("endpoints") or [settings["endpoint"]])
        return [each if isinstance(each, str) else each["endpoint"] for each in given]

    @property
    def is_plaintext(self) -> bool:
        """Whether the connection is without TLS."""
        return bool(self.profile.settings.get("plaintext"))

    @property
    def key(self) -> ApiKeySource:
        """Where the API key is."""
        return self.profile.key or _DEFAULT_KEY


def print_profile(output: Output, row: ProfileRow, *, key_problem: str | None = None) -> None:
    """Print one profile.

    Args:
        output: Where to print it.
        row: The profile.
        key_problem: Why its key cannot be found, empty if it can, or None if that was not checked.
    """
    record, line = _record(row), _line(row, None)
    if key_problem is not None:
        record["apiKeyFound"] = not key_problem
        line += f" ({key_problem or 'found'})"
    if key_problem:
        record["apiKeyProblem"] = key_problem
    output.result(record, line, value="name")


def print_removed(output: Output, name: str) -> None:
    """Print that a profile was removed."""
    output.result({"name": name, "removed": True}, f"removed {name}", value="name")


def _record(row: ProfileRow) -> dict[str, Any]:
    settings = row.profile.settings
    others = {_camel_case(name): value for name, value in settings.items() if name not in _ENDPOINTS}
    return {
        "name": row.profile.name,
        "default": row.is_default,
        "endpoints": row.endpoints,
        "plaintext": row.is_plaintext,
        **others,
        "apiKeySource": row.key.kind,
        "apiKeyName": row.key.name,
        "file": str(row.profile.file),
    }


def _line(row: ProfileRow, _: Zone) -> str:
    return f"{row.profile.name} {','.join(row.endpoints)} {_security(row)}, key in {row.key}{_mark(row)}"


def _security(row: ProfileRow) -> str:
    return "plaintext" if row.is_plaintext else "TLS"


def _place(key: ApiKeySource) -> str:
    match key.kind:
        case "environment":
            return f"variable {key.name}"
        case "file":
            return f"file {key.name}"
        case "keyring":
            return "keyring"


def _mark(row: ProfileRow) -> str:
    return ", default" if row.is_default else ""


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


PROFILES: Final[Layout[ProfileRow]] = Layout(
    columns=(
        Column(name="name", style="cyan"),
        Column(name="default"),
        Column(name="endpoint", is_flexible=True),
        Column(name="security"),
        Column(name="API key", is_flexible=True),
    ),
    cells=lambda row: (row.profile.name, row.is_default, ", ".join(row.endpoints), _security(row), _place(row.key)),
    line=_line,
    values=lambda row: (row.profile.name,),
    record=_record,
)
