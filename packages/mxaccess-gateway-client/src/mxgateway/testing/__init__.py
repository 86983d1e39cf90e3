"""A simulated MXAccess Gateway, to test the client and your own automation against."""

from typing import TYPE_CHECKING

from mxgateway._support.on_demand import names_on_demand

if TYPE_CHECKING:
    from mxgateway.testing.faults import Faults
    from mxgateway.testing.gateway import SimulatedGateway
    from mxgateway.testing.plant.alarms import Alarm, AlarmCondition
    from mxgateway.testing.plant.file import PlantFileError
    from mxgateway.testing.plant.objects import PlantObject
    from mxgateway.testing.plant.plant import Plant
    from mxgateway.testing.plant.programs import Cycle, Program, Ramp, Sine
    from mxgateway.testing.plant.tags import Reading, Tag, Written
    from mxgateway.testing.plant.users import SecurityClassification, User
    from mxgateway.testing.plant.values import TagType
    from mxgateway.testing.server.admission import CallRecord
    from mxgateway.testing.server.tls import ServerTls
    from mxgateway.testing.sessions.views import ItemView, SessionView
    from mxgateway.testing.state.clock import Clock
    from mxgateway.testing.state.keys import Scope
    from mxgateway.testing.state.limits import Limits
else:
    # The pytest plugin lies in this package, and is loaded by every pytest where the library is installed.
    __getattr__, __dir__ = names_on_demand(
        __name__,
        {
            "plant.alarms": "Alarm AlarmCondition",
            "state.clock": "Clock",
            "server.admission": "CallRecord",
            "faults": "Faults",
            "gateway": "SimulatedGateway",
            "state.keys": "Scope",
            "state.limits": "Limits",
            "plant.objects": "PlantObject",
            "plant.plant": "Plant",
            "plant.file": "PlantFileError",
            "plant.programs": "Cycle Program Ramp Sine",
            "plant.tags": "Reading Tag Written",
            "server.tls": "ServerTls",
            "plant.users": "SecurityClassification User",
            "plant.values": "TagType",
            "sessions.views": "ItemView SessionView",
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
