"""The Galaxy behind the gateway: areas, objects, tags, alarms and users."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from mxgateway.testing.plant.file import PlantDescription, PlantFileError, read_default_plant, read_plant_file
from mxgateway.testing.plant.objects import PlantObject
from mxgateway.testing.plant.statuses import invalid_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

    from mxgateway.testing.plant.alarms import Alarm
    from mxgateway.testing.plant.tags import Reading, Tag
    from mxgateway.testing.plant.users import User

__all__ = ["Plant", "Target"]

_DEFINITION = re.compile(r"(?P<name>[^\[\]]+)(?P<brackets>\[(?P<index>\d{0,9})\])?")


@dataclass(frozen=True, slots=True)
class Target:
    """The target of an item definition: a tag, one element of an array, or nothing.

    Attributes:
        problem: the status of an item without a target. An element may disappear later, when its array gets shorter.
        tag: the tag, or None if the definition names nothing.
        index: the index of the element, from 1, or None for the whole tag.
        bare: whether this is an array named without `[]`. It can be read, but a write has no effect.
    """

    problem: pb.MxStatusProxy
    tag: Tag | None = None
    index: int | None = None
    bare: bool = False

    def read(self) -> Reading | None:
        """Return the present reading. Return None if there is no tag or no such element."""
        if self.tag is None:
            return None
        return self.tag.reading if self.index is None else self.tag.element(self.index)


class Plant:
    """The simulated Galaxy behind a simulated gateway. A plant belongs to one gateway at a time.

    `plant["TestChildObject.TestInt"]` is a tag. Case is ignored, and the name of an array may have its `[]` or not.

    Args:
        name: the name of the Galaxy.
        objects: its areas and objects.
        tags: its tags; see `add`.
        users: the users who can sign writes.
        last_deploy: when the Galaxy was last deployed; None for never.

    Raises:
        ValueError: the objects do not form a tree, or a tag cannot be added.
    """

    def __init__(
        self,
        *,
        name: str = "SimulatedGalaxy",
        objects: Iterable[PlantObject] = (),
        tags: Iterable[Tag] = (),
        users: Iterable[User] = (),
        last_deploy: datetime | None = None,
    ) -> None:
        self.name = name
        self.users: tuple[User, ...] = tuple(users)
        self.last_deploy = last_deploy
        self.deploys: int = 1
        self.deploy_listeners: dict[Callable[[], None], None] = {}
        self._gateway: tuple[Callable[[], datetime], Callable[[], None]] | None = None
        self._objects = _objects_by_name(objects)
        self._tags: dict[str, Tag] = {}
        self.alarm_listeners: dict[Callable[[Alarm, pb.AlarmTransitionKind.ValueType], None], None] = {}
        for tag in tags:
            self.add(tag)

    @classmethod
    def default(cls) -> Self:
        """Return a new plant with the usual test tags, as described in `default_plant.toml`."""
        return cls._from_description(read_default_plant())

    @classmethod
    def from_toml(cls, path: str | Path) -> Self:
        """Return a new plant from a TOML file. `default_plant.toml` is an example of every key.

        Raises:
            OSError: the file cannot be read.
            PlantFileError: the file is invalid. The message names the file, the line or key, and the problem.
        """
        description = read_plant_file(path)
        try:
            return cls._from_description(description)
        except ValueError as error:
            raise PlantFileError(f"{path}: {error}") from error

    @classmethod
    def _from_description(cls, description: PlantDescription) -> Self:
        return cls(
            name=description.name,
            objects=description.objects,
            tags=description.tags,
            users=description.users,
            last_deploy=description.last_deploy,
        )

    def add(self, tag: Tag) -> Tag:
        """Add a tag, and its object if the plant does not have that object yet. Return the tag.

        Raises:
            ValueError: the plant already has a tag with this name, or the name is not `Object.Attribute`.
        """
        if not (tag.object_name and tag.attribute_name):
            raise ValueError(f"invalid tag name {tag.name!r}: it must have the form Object.Attribute")
        if tag.name.casefold() in self._tags:
            raise ValueError(f"the plant already has a tag named {tag.name}")
        if self._gateway:
            tag.now, tag.on_change = self._gateway
        self._tags[tag.name.casefold()] = tag
        self._objects.setdefault(
            tag.object_name.casefold(),
            PlantObject(
                gobject_id=1 + max((each.gobject_id for each in self.objects), default=0), tag_name=tag.object_name
            ),
        )
        if tag.alarm is not None:
            tag.alarm.attach_to_group(self.name, self._area_of(tag.object_name))
            tag.alarm.on_transition = self._on_alarm_transition
        return tag

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """The alarms of all tags, active or not."""
        return tuple(tag.alarm for tag in self if tag.alarm is not None)

    def attach(self, now: Callable[[], datetime], on_change: Callable[[], None]) -> None:
        """Attach the plant to a gateway: take the time from its clock, and notify it of every change.

        Raises:
            RuntimeError: the plant is attached to another gateway.
        """
        if self._gateway is not None:
            raise RuntimeError(f"the plant {self.name} is in use by another gateway, which is running")
        self._gateway = (now, on_change)
        for tag in self:
            tag.now, tag.on_change = now, on_change

    def detach(self) -> None:
        """Detach the plant from its gateway."""
        self._gateway = None

    @property
    def objects(self) -> tuple[PlantObject, ...]:
        """All areas and objects."""
        return tuple(self._objects.values())

    def find(self, name: str) -> Tag | None:
        """Return the tag with this name, without brackets, ignoring case. Return None if it is unknown."""
        return self._tags.get(name.casefold())

    def resolve(self, definition: str) -> Target:
        """Resolve an item definition: a tag, `Array[]`, the bare `Array`, or `Array[N]`, where N counts from 1."""
        nothing = Target(invalid_reference(definition))
        match = _DEFINITION.fullmatch(definition)
        tag = self.find(match["name"]) if match else None
        if match is None or tag is None or (match["brackets"] and not tag.is_array):
            return nothing
        index = int(match["index"]) if match["index"] else None
        found = Target(nothing.problem, tag, index, bare=tag.is_array and not match["brackets"])
        return found if found.read() else nothing

    def with_brackets(self, definition: str) -> str:
        """Append `[]` to the name of an array, as the gateway does for commands that add an item."""
        tag = self.find(definition)
        return f"{definition}[]" if tag is not None and tag.is_array else definition

    def step(self) -> None:
        """Advance every tag that has a program by one step."""
        for tag in self._tags.values():
            tag.step()

    def deploy(self, *, missed: int = 0) -> None:
        """Deploy the Galaxy: watchers get a deploy event, and page tokens issued before become invalid.

        Args:
            missed: how many earlier deploys watchers get no event for; the sequence of deploy events skips them.
        """
        self.deploys += 1 + missed
        self.last_deploy = self._gateway[0]() if self._gateway else datetime.now(UTC)
        for listener in tuple(self.deploy_listeners):
            listener()

    def _area_of(self, object_name: str) -> str:
        """Return the name of the area that contains an object, or of its topmost ancestor if no area does."""
        each = self._objects[object_name.casefold()]
        while each.parent and not each.is_area:
            each = self._objects[each.parent.casefold()]
        return each.tag_name

    def _on_alarm_transition(self, alarm: Alarm, kind: pb.AlarmTransitionKind.ValueType) -> None:
        for listener in tuple(self.alarm_listeners):
            listener(alarm, kind)

    def __getitem__(self, name: str) -> Tag:
        tag = self.find(name.removesuffix("[]"))
        if tag is None:
            raise KeyError(f"the plant has no tag {name!r}")
        return tag

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.find(name.removesuffix("[]")) is not None

    def __iter__(self) -> Iterator[Tag]:
        return iter(self._tags.values())

    def __len__(self) -> int:
        return len(self._tags)


def _objects_by_name(objects: Iterable[PlantObject]) -> dict[str, PlantObject]:
    """Return the objects by name, after checking that names and numbers are unique and parents form a tree.

    Raises:
        ValueError: the message names the invalid object.
    """
    by_name: dict[str, PlantObject] = {}
    numbers: set[int] = set()
    for each in objects:
        if each.tag_name.casefold() in by_name or each.gobject_id in numbers or each.gobject_id < 1:
            raise ValueError(
                f"invalid object {each.tag_name} ({each.gobject_id}): names and numbers must be unique, numbers from 1"
            )
        by_name[each.tag_name.casefold()] = each
        numbers.add(each.gobject_id)
    for each in by_name.values():
        ancestor, visited = each, {each.tag_name}
        while ancestor.parent:
            parent = by_name.get(ancestor.parent.casefold())
            if parent is None or parent.tag_name in visited:
                raise ValueError(f"the parent of {ancestor.tag_name}, {ancestor.parent!r}, is unknown or in a cycle")
            visited.add(parent.tag_name)
            ancestor = parent
    return by_name
