"""The gateway's contract: compare ours with that of a gateway, and export ours."""

from mxgateway.contract.answers import missing_fields, unknown_fields
from mxgateway.contract.descriptors import contract_of, our_contract, our_descriptors, read_descriptors
from mxgateway.contract.differences import Difference, compare
from mxgateway.contract.elements import Contract, Element, Group
from mxgateway.contract.live import fetch_descriptors
from mxgateway.contract.uses import elements_used

__all__ = [
    "Contract",
    "Difference",
    "Element",
    "Group",
    "compare",
    "contract_of",
    "elements_used",
    "fetch_descriptors",
    "missing_fields",
    "our_contract",
    "our_descriptors",
    "read_descriptors",
    "unknown_fields",
]
