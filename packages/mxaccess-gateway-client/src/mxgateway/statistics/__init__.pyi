from .figures import CallEnded as CallEnded
from .figures import CallObserver as CallObserver
from .figures import CallStatistics as CallStatistics
from .figures import ClientStatistics as ClientStatistics
from .figures import StreamStatistics as StreamStatistics
from .figures import TagStatistics as TagStatistics
from .telemetry import instrument as instrument
