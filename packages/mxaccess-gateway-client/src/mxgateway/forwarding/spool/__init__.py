"""Records that wait until a broker has acknowledged them."""

from mxgateway.forwarding.spool.batches import SpooledBatch
from mxgateway.forwarding.spool.spool import Spool

__all__ = ["Spool", "SpooledBatch"]
