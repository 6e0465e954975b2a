"""The clock of everything that measures spans of time."""

import time

monotonic = time.monotonic
