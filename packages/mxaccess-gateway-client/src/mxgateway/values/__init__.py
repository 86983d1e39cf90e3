"""Python values as MxValue messages, and back."""

from mxgateway.values.decoding import from_mx_value
from mxgateway.values.encoding import to_mx_value
from mxgateway.values.types import MxScalar, MxValue, MxValueInput, MxValueOutput, SparseArray

__all__ = ["MxScalar", "MxValue", "MxValueInput", "MxValueOutput", "SparseArray", "from_mx_value", "to_mx_value"]
