"""The client without `async`, for scripts, notebooks and threads.

from mxgateway.sync import GatewayClient

with GatewayClient.connect(endpoint="localhost:5000", api_key=key, plaintext=True) as client:
    with client.tags("my-script") as tags:
        print(tags.read_one("TestChildObject.TestInt").value)

The classes have the methods of those in `mxgateway`, with the same parameters, results and errors. They work in one
background thread with an event loop, which is started by the first connection and ends with the program. Everything can
be used in several threads, and where an event loop runs already, as in a notebook. Ctrl-C ends a wait at once.
"""

from mxgateway.sync.alarms import ActiveAlarms, AlarmFeed, AlarmWatch
from mxgateway.sync.client import GatewayClient
from mxgateway.sync.events import EventStream
from mxgateway.sync.galaxy import DeployWatch, Galaxy, GalaxyObjects
from mxgateway.sync.recording import AlarmRecorder, Recorder
from mxgateway.sync.session import Session
from mxgateway.sync.tags import TagClient, TagPoll, TagWatch

__all__ = [
    "ActiveAlarms",
    "AlarmFeed",
    "AlarmRecorder",
    "AlarmWatch",
    "DeployWatch",
    "EventStream",
    "Galaxy",
    "GalaxyObjects",
    "GatewayClient",
    "Recorder",
    "Session",
    "TagClient",
    "TagPoll",
    "TagWatch",
]
