"""The Galaxy: its objects, their attributes, and deployments."""

from mxgateway.galaxy.client import DeployEvent, DeployWatch, Galaxy, GalaxyFilters, GalaxyPlace
from mxgateway.galaxy.objects import GalaxyAttribute, GalaxyObject
from mxgateway.galaxy.pages import GalaxyObjects

__all__ = [
    "DeployEvent",
    "DeployWatch",
    "Galaxy",
    "GalaxyAttribute",
    "GalaxyFilters",
    "GalaxyObject",
    "GalaxyObjects",
    "GalaxyPlace",
]
