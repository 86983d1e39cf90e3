"""The comments and the order of declarations in a .proto file in buf's format.

They are read from the text, because protoc is not part of the environment that runs the tools and their tests.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

RESERVED = "reserved"
_OPENING = re.compile(r"(message|enum|service|oneof) (\w+) \{(\})?$")
_MEMBER = re.compile(r"(?:[\w.<>, ]+ )?(\w+) = -?\d+(?: \[.*\])?;(?:\s*//\s*(?P<mark>.*))?$")
_RPC = re.compile(r"rpc (\w+)\(")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """The comments of a declaration, without `//` and indentation.

    Attributes:
        heading: The blocks before its own comment, separated from it by an empty line.
        text: The lines of its own comment.
        mark: The text behind the declaration on the same line.
    """

    heading: Sequence[Sequence[str]] = ()
    text: Sequence[str] = ()
    mark: str = ""


@dataclass(slots=True, kw_only=True)
class ProtoComments:
    """What the text of a .proto file has and its descriptor lacks.

    Attributes:
        head: Everything before the line with the syntax.
        comments: The comments by name: `Message`, `Message.field`, `Enum.VALUE`, `Service.Rpc`, `Message.oneof`, and
            `Message.reserved`.
        order: The names of the declarations by the name of their parent, which is "" at the top.
    """

    head: str
    comments: dict[str, Comment] = field(default_factory=dict[str, Comment])
    order: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def of(self, name: str) -> Comment:
        """Return the comments of a declaration; none if the text does not have it."""
        return self.comments.get(name, Comment())

    def sorted(self, parent: str, names: Sequence[str]) -> list[str]:
        """Return names in the order of the text. A name that the text lacks follows the one that it follows here."""
        known = [name for name in self.order.get(parent, ()) if name in names]
        place = 0
        for name in names:
            if name not in known:
                known.insert(place, name)
            place = known.index(name) + 1
        return known


def read_comments(text: str) -> ProtoComments:
    """Read the comments of a .proto file."""
    head, _, body = text.partition('syntax = "')
    found = ProtoComments(head=head)
    # The names of the open blocks. The fields of a oneof belong to its message.
    scopes: list[str] = []
    blocks: list[list[str]] = [[]]

    def declare(name: str, mark: str = "") -> None:
        parent = ".".join(scopes)
        heading = [block for block in blocks[:-1] if block]
        full_name = f"{parent}.{name}" if parent else name
        found.comments[full_name] = Comment(heading=heading, text=blocks[-1], mark=mark)
        found.order.setdefault(parent, []).append(name)

    oneof = False
    for line in map(str.strip, body.splitlines()):
        if line.startswith("//"):
            blocks[-1].append(line.removeprefix("//").removeprefix(" "))
            continue
        if not line:
            blocks.append([])
            continue
        if (opening := _OPENING.match(line)) is not None:
            kind, name, closed = opening.groups()
            declare(name)
            oneof = oneof or kind == "oneof"
            if kind != "oneof" and not closed:
                scopes.append(name)
        elif line == "}":
            if oneof:
                oneof = False
            else:
                scopes.pop()
        elif (rpc := _RPC.match(line)) is not None:
            declare(rpc[1])
        elif line.startswith(f"{RESERVED} "):
            declare(RESERVED)
        elif (member := _MEMBER.match(line)) is not None:
            declare(member[1], member["mark"] or "")
        blocks = [[]]
    return found
