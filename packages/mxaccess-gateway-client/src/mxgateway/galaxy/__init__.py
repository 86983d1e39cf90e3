"""The Galaxy: its objects, their attributes, and deploys."""

from mxgateway.galaxy.client import Galaxy, GalaxyFilters, GalaxyPlace
from mxgateway.galaxy.deploys import DeployEvent, DeployWatch
from mxgateway.galaxy.objects import GalaxyAttribute, GalaxyObject
from mxgateway.galaxy.pages import GalaxyObjects
from mxgateway.galaxy.status import GalaxyStatus

__all__ = [
    "DeployEvent",
    "DeployWatch",
    "Galaxy",
    "GalaxyAttribute",
    "GalaxyFilters",
    "GalaxyObject",
    "GalaxyObjects",
    "GalaxyPlace",
    "GalaxyStatus",
]
