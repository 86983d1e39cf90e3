"""Forward to NATS JetStream."""

from mxgateway.forwarding.jetstream.lease import JetStreamLease
from mxgateway.forwarding.jetstream.options import JetStreamOptions
from mxgateway.forwarding.jetstream.sink import JetStreamSink

__all__ = ["JetStreamLease", "JetStreamOptions", "JetStreamSink"]
