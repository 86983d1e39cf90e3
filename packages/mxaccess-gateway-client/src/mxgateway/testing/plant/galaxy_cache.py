"""The gateway's copy of the Galaxy, which answers all questions about objects, also while the database is down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from mxgateway.testing.plant.objects import PlantObject
    from mxgateway.testing.plant.plant import Plant
    from mxgateway.testing.plant.tags import Tag

__all__ = ["GalaxyCache", "GalaxyCopy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GalaxyCopy:
    """The Galaxy as the gateway knows it. Iterating yields the tags.

    Attributes:
        objects: its areas and objects.
        tags: its tags.
        deploys: the number of the last deploy that the gateway noticed.
        deployed_at: when that deploy happened; None for never.
        observed_at: when the gateway noticed it.
    """

    objects: tuple[PlantObject, ...]
    tags: tuple[Tag, ...]
    deploys: int
    deployed_at: datetime | None
    observed_at: datetime

    def __iter__(self) -> Iterator[Tag]:
        return iter(self.tags)


class GalaxyCache:
    """Holds the copy, which follows the plant as long as the database is reachable.

    Attributes:
        database_reachable: whether the gateway reaches the Galaxy's database.
        listeners: called when the database becomes reachable again.
    """

    def __init__(self, plant: Plant, now: Callable[[], datetime]) -> None:
        self._plant = plant
        self._now = now
        self._kept: GalaxyCopy | None = None
        self._observed: tuple[int, datetime] | None = None
        self.database_reachable: bool = True
        self.listeners: dict[Callable[[], None], None] = {}

    @property
    def copy(self) -> GalaxyCopy | None:
        """The present copy, or None if the cache was never filled."""
        if not self.database_reachable:
            return self._kept
        plant = self._plant
        if self._observed is None or self._observed[0] != plant.deploys:
            self._observed = plant.deploys, self._now()
        return GalaxyCopy(
            objects=plant.objects,
            tags=tuple(plant),
            deploys=plant.deploys,
            deployed_at=plant.last_deploy,
            observed_at=self._observed[1],
        )

    def lose_database(self, *, keep_copy: bool) -> None:
        """Make the database unreachable: keep the present copy, or be as if the cache had never been filled."""
        self._kept = self.copy if keep_copy else None
        self.database_reachable = False

    def reach_database(self) -> None:
        """Make the database reachable again, so that the copy is up to date."""
        self.database_reachable = True
        self._kept = None
        for listener in tuple(self.listeners):
            listener()
