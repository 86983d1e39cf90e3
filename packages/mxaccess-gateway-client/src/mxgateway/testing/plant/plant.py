"""The Galaxy behind the gateway: areas, objects, their attributes, and the people who work there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from mxgateway.testing.plant.file import DEFAULT_PLANT_FILE, PlantFileError, read_plant_file
from mxgateway.testing.plant.objects import PlantObject
from mxgateway.testing.plant.statuses import array_without_brackets, invalid_reference

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
    """What an item definition names: a tag, one element of an array, or nothing.

    Attributes:
        problem: what MXAccess says when it names nothing, now or later: an array may become shorter.
        tag: the tag; None for nothing.
        index: the element, counted from 1; None for the whole tag.
    """

    problem: pb.MxStatusProxy
    tag: Tag | None = None
    index: int | None = None

    def read(self) -> Reading | None:
        """Give what it holds now; None for nothing."""
        if self.tag is None:
            return None
        return self.tag.reading if self.index is None else self.tag.element(self.index)


class Plant:
    """What the simulated gateway is the gateway to. It belongs to one gateway at a time.

    `plant["TestChildObject.TestInt"]` is a tag; names are found in any case, an array's with or without `[]`.
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
        self._served: tuple[Callable[[], datetime], Callable[[], None]] | None = None
        self._objects = _checked(objects)
        self._tags: dict[str, Tag] = {}
        self.alarm_listeners: dict[Callable[[Alarm, pb.AlarmTransitionKind.ValueType], None], None] = {}
        for tag in tags:
            self.add(tag)

    @classmethod
    def default(cls) -> Self:
        """Make the plant with the usual test tags, as `default_plant.toml` describes it."""
        return cls.from_toml(DEFAULT_PLANT_FILE)

    @classmethod
    def from_toml(cls, path: str | Path) -> Self:
        """Make the plant that a TOML file describes; `default_plant.toml` is an example of everything it can say.

        Raises:
            OSError: the file can't be read.
            PlantFileError: the text names the file, the line or key, and what is wrong with it.
        """
        description = read_plant_file(path)
        try:
            return cls(
                name=description.name,
                objects=description.objects,
                tags=description.tags,
                users=description.users,
                last_deploy=description.last_deploy,
            )
        except ValueError as error:
            raise PlantFileError(f"{path}: {error}") from error

    def add(self, tag: Tag) -> Tag:
        """Add a tag, and the object that it belongs to when the plant doesn't have that yet.

        Raises:
            ValueError: the plant has a tag of this name already, or the name is not `Object.Attribute`.
        """
        if not (tag.object_name and tag.attribute_name):
            raise ValueError(f"a tag is named Object.Attribute, not {tag.name!r}")
        if tag.name.casefold() in self._tags:
            raise ValueError(f"the plant has {tag.name} already")
        if self._served:
            tag.now, tag.noticed = self._served
        self._tags[tag.name.casefold()] = tag
        self._objects.setdefault(
            tag.object_name.casefold(),
            PlantObject(
                gobject_id=1 + max((each.gobject_id for each in self.objects), default=0), tag_name=tag.object_name
            ),
        )
        if tag.alarm is not None:
            tag.alarm.stand_in(self.name, self._area_of(tag.object_name))
            tag.alarm.noticed = self._alarm_changed
        return tag

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """The alarms of all tags, active or not."""
        return tuple(tag.alarm for tag in self if tag.alarm is not None)

    def serve(self, now: Callable[[], datetime], noticed: Callable[[], None]) -> None:
        """Belong to a gateway: take the time from its clock, and tell it about every change.

        Raises:
            RuntimeError: it belongs to another gateway.
        """
        if self._served is not None:
            raise RuntimeError(f"the plant {self.name} belongs to another gateway, which runs")
        self._served = (now, noticed)
        for tag in self:
            tag.now, tag.noticed = now, noticed

    def retire(self) -> None:
        """Belong to no gateway any more."""
        self._served = None

    @property
    def objects(self) -> tuple[PlantObject, ...]:
        """All areas and objects."""
        return tuple(self._objects.values())

    def find(self, name: str) -> Tag | None:
        """Give the tag of this name, in any case, without brackets; None when there is none."""
        return self._tags.get(name.casefold())

    def resolve(self, definition: str) -> Target:
        """Find what an item definition names: a tag, `Array[]`, or `Array[N]` with N counted from 1."""
        nothing = Target(invalid_reference(definition))
        match = _DEFINITION.fullmatch(definition)
        tag = self.find(match["name"]) if match else None
        if match is None or tag is None or (match["brackets"] and not tag.is_array):
            return nothing
        if tag.is_array and not match["brackets"]:
            return Target(array_without_brackets(definition))
        found = Target(nothing.problem, tag, int(match["index"]) if match["index"] else None)
        return found if found.read() else nothing

    def with_brackets(self, definition: str) -> str:
        """Append `[]` to the bare name of an array, as the gateway does for the commands that add an item."""
        tag = self.find(definition)
        return f"{definition}[]" if tag is not None and tag.is_array else definition

    def step(self) -> None:
        """Move every tag that has a program by one step."""
        for tag in self._tags.values():
            tag.step()

    def deploy(self, *, missed: int = 0) -> None:
        """Deploy the Galaxy: everybody who watches is told, and pages that somebody was going through end.

        Args:
            missed: how many deploys nobody was told of, as a jump in the sequence shows.
        """
        self.deploys += 1 + missed
        self.last_deploy = self._served[0]() if self._served else datetime.now(UTC)
        for listener in tuple(self.deploy_listeners):
            listener()

    def _area_of(self, object_name: str) -> str:
        """Give the nearest area that an object is in; an object at the top is its own."""
        each = self._objects[object_name.casefold()]
        while each.parent and not each.is_area:
            each = self._objects[each.parent.casefold()]
        return each.tag_name

    def _alarm_changed(self, alarm: Alarm, kind: pb.AlarmTransitionKind.ValueType) -> None:
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


def _checked(objects: Iterable[PlantObject]) -> dict[str, PlantObject]:
    """Give the objects by name, when every name and number is there once and every parent leads to the top.

    Raises:
        ValueError: the text names the object that doesn't fit.
    """
    by_name: dict[str, PlantObject] = {}
    numbers: set[int] = set()
    for each in objects:
        if each.tag_name.casefold() in by_name or each.gobject_id in numbers or each.gobject_id < 1:
            raise ValueError(f"the name or the number of {each.tag_name} ({each.gobject_id}) can't be given to it")
        by_name[each.tag_name.casefold()] = each
        numbers.add(each.gobject_id)
    for each in by_name.values():
        above, passed = each, {each.tag_name}
        while above.parent:
            parent = by_name.get(above.parent.casefold())
            if parent is None or parent.tag_name in passed:
                raise ValueError(f"the parent of {above.tag_name}, {above.parent!r}, does not lead to the top")
            passed.add(parent.tag_name)
            above = parent
    return by_name
