"""The synchronous Recorder and AlarmRecorder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxgateway.sync.wrapper import Entering, threads_of, unwrapped

if TYPE_CHECKING:
    from mxgateway import recording
    from mxgateway.recording import AlarmSink, RecorderOptions, RecorderStatistics, Sink
    from mxgateway.sync.alarms import AlarmWatch
    from mxgateway.sync.tags import TagClient

__all__ = ["AlarmRecorder", "Recorder"]


class Recorder(Entering["recording.Recorder"]):
    """Writes the changes of tags to a sink, and every loss among them.

    A context manager: entering opens the sink and begins the watch, leaving closes both.

        with Recorder(tags, CsvSink("values.csv"), "TestChildObject.TestInt") as recorder:
            recorder.run(duration=60)

    Args:
        client: The TagClient that watches the tags.
        sink: Where the records are written, one of `mxgateway.recording` or a class of your own. Its methods run in the
            thread of the event loop.
        tags: The names of the tags.
        options: See RecorderOptions.
    """

    def __init__(self, client: TagClient, sink: Sink, *tags: str, options: RecorderOptions | None = None) -> None:
        # Imported here, so that a program that does not record starts quickly.
        from mxgateway.recording import Recorder as AsyncRecorder  # noqa: PLC0415

        threads = threads_of(client)
        super().__init__(threads.call(AsyncRecorder, unwrapped(client), sink, *tags, options=options), threads, client)

    @property
    def options(self) -> RecorderOptions:
        """The options of the recorder."""
        return self._wrapped.options

    @property
    def statistics(self) -> RecorderStatistics:
        """What was recorded so far."""
        return self._wrapped.statistics

    def run(self, *, duration: float | None = None, max_records: int | None = None) -> RecorderStatistics:
        """Record until `stop` is called, `duration` seconds have passed, or `max_records` changes are written.

        Then, and also when this call is interrupted, the records that have arrived are written first.

        Raises:
            MxGatewayUsageError: It runs already.
            MxGatewayError: The watch has ended with this error; the records before it are written.
            OSError: The sink cannot write. The records of the last batch may be missing.
        """
        return self._run(self._wrapped.run, duration=duration, max_records=max_records)

    def stop(self) -> None:
        """End `run` in another thread, once the records that have arrived are written."""
        self._call(self._wrapped.stop)


class AlarmRecorder(Entering["recording.AlarmRecorder"]):
    """Writes every change of the gateway's alarms to a sink, and every loss among them.

    A context manager: entering opens the sink and the alarm feed, leaving closes both. It needs no session.

        sink = CsvSink("alarms.csv", records=AlarmRecord)
        with AlarmRecorder(client.watch_alarms(), sink) as recorder:
            recorder.run(duration=3600)

    Args:
        watch: The watch of the alarms, which the recorder opens and closes.
        sink: Where the records are written: a sink of files with `records=AlarmRecord`, or a class of your own, whose
            methods run in the thread of the event loop.
        options: See RecorderOptions. How many changes wait while the sink is slow is the `queue_size` of the watch.
    """

    def __init__(self, watch: AlarmWatch, sink: AlarmSink, *, options: RecorderOptions | None = None) -> None:
        # Imported here, so that a program that does not record starts quickly.
        from mxgateway.recording import AlarmRecorder as AsyncRecorder  # noqa: PLC0415

        threads = threads_of(watch)
        super().__init__(threads.call(AsyncRecorder, unwrapped(watch), sink, options=options), threads, watch)

    @property
    def options(self) -> RecorderOptions:
        """The options of the recorder."""
        return self._wrapped.options

    @property
    def statistics(self) -> RecorderStatistics:
        """What was recorded so far."""
        return self._wrapped.statistics

    def run(self, *, duration: float | None = None, max_records: int | None = None) -> RecorderStatistics:
        """Record until `stop` is called, `duration` seconds have passed, or `max_records` changes are written.

        Then, and also when this call is interrupted, the records that have arrived are written first.

        Raises:
            MxGatewayUsageError: It runs already.
            MxGatewayError: The watch has ended with this error; the records before it are written.
            OSError: The sink cannot write. The records of the last batch may be missing.
        """
        return self._run(self._wrapped.run, duration=duration, max_records=max_records)

    def stop(self) -> None:
        """End `run` in another thread, once the records that have arrived are written."""
        self._call(self._wrapped.stop)
