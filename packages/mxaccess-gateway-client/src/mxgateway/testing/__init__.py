"""A simulated MXAccess Gateway, to test the client and your own automation against."""

from typing import TYPE_CHECKING

from mxgateway._on_demand import names_on_demand

if TYPE_CHECKING:
    from mxgateway.testing.alarms import Alarm, AlarmCondition
    from mxgateway.testing.clock import Clock
    from mxgateway.testing.door import CallRecord
    from mxgateway.testing.faults import Faults
    from mxgateway.testing.gateway import SimulatedGateway
    from mxgateway.testing.keys import Scope
    from mxgateway.testing.limits import Limits
    from mxgateway.testing.objects import PlantObject
    from mxgateway.testing.plant import Plant
    from mxgateway.testing.plant_file import PlantFileError
    from mxgateway.testing.programs import Cycle, Program, Ramp, Sine
    from mxgateway.testing.tags import Reading, Tag, Written
    from mxgateway.testing.tls import ServerTls
    from mxgateway.testing.users import SecurityClassification, User
    from mxgateway.testing.values import TagType
    from mxgateway.testing.views import ItemView, SessionView
else:
    # The pytest plugin lies in this package, and is loaded by every pytest where the library is installed.
    __getattr__, __dir__ = names_on_demand(
        __name__,
        {
            "alarms": "Alarm AlarmCondition",
            "clock": "Clock",
            "door": "CallRecord",
            "faults": "Faults",
            "gateway": "SimulatedGateway",
            "keys": "Scope",
            "limits": "Limits",
            "objects": "PlantObject",
            "plant": "Plant",
            "plant_file": "PlantFileError",
            "programs": "Cycle Program Ramp Sine",
            "tags": "Reading Tag Written",
            "tls": "ServerTls",
            "users": "SecurityClassification User",
            "values": "TagType",
            "views": "ItemView SessionView",
        },
    )

__all__ = [
    "Alarm",
    "AlarmCondition",
    "CallRecord",
    "Clock",
    "Cycle",
    "Faults",
    "ItemView",
    "Limits",
    "Plant",
    "PlantFileError",
    "PlantObject",
    "Program",
    "Ramp",
    "Reading",
    "Scope",
    "SecurityClassification",
    "ServerTls",
    "SessionView",
    "SimulatedGateway",
    "Sine",
    "Tag",
    "TagType",
    "User",
    "Written",
]
