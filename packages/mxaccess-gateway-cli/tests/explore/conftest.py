"""The tests of the explorer, which are skipped where textual is not installed."""

import pytest

pytest.importorskip("textual_plot")
