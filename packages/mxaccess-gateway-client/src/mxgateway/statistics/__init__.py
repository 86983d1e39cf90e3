"""What a client has done: calls, errors, events, gaps, losses and queues."""

from mxgateway.statistics.figures import CallStatistics, ClientStatistics, StreamStatistics, TagStatistics

__all__ = ["CallStatistics", "ClientStatistics", "StreamStatistics", "TagStatistics"]
