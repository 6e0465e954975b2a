"""The gateway inside mitmproxy: everything that knows mitmproxy, but for the pytest plugin."""

import gc

_IMPORTED_OBJECTS = 200_000
"""More than our imports make. Runs of the garbage collector took 0.2 of their 1.4 seconds, and have nothing to find; with
20,000 objects to a run it still was 0.04. Until the gateway starts, see `compose.py`."""

gc.set_threshold(_IMPORTED_OBJECTS, *gc.get_threshold()[1:])
