"""What holds mitmproxy's event loop, and for how long: an addon that stands beside the one that is measured.

The loop notes the time every few milliseconds. A thread looks whether it still does, and as long as it does not, where
in the code the main thread is. A line of JSON is written for each hold, with the times of `time.monotonic`, which all
processes of a machine share.

A call into C that does not give up the interpreter keeps the thread waiting as well: its time goes to the place that
is seen right after it. So a place is exact to the function, and not always to the line.
"""

import asyncio
import gc
import json
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader

TICK = 0.005
WORTH_TELLING = 0.01
"""Seconds."""
_PLACES = 5
_OURS = "antigravity_addon"


class Watchdog:
    """State: when the loop was last seen to run, and where the hold under way has been seen."""

    def __init__(self) -> None:
        self._main = threading.get_ident()
        self._ticked = 0.0
        self._processor = 0.0
        """Seconds that the main thread has had until then."""
        self._processor_of_all = 0.0
        """And all threads."""
        self._seen = self._ticked
        self._places: defaultdict[str, float] = defaultdict(float)
        """Seconds at each."""
        self._collecting = 0.0
        self._collected = 0.0
        """Seconds of a hold, by whichever thread: it lets none of the others work."""
        self._is_over = threading.Event()

    def load(self, loader: Loader) -> None:
        loader.add_option("watchdog_file", str, "", "Where holds of the event loop are written to.")

    def running(self) -> None:
        self._main = threading.get_ident()
        gc.callbacks.append(self._on_collection)
        self.begin(at=time.monotonic())
        asyncio.get_running_loop().call_later(TICK, self.tick)
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def done(self) -> None:
        self._is_over.set()

    def begin(self, *, at: float) -> None:
        self._places.clear()
        self._collected = 0.0
        self._processor = time.thread_time()
        self._processor_of_all = time.process_time()
        self._seen = self._ticked = at

    def tick(self) -> None:
        """The loop is here."""
        held = time.monotonic() - self._ticked - TICK
        if held > WORTH_TELLING:
            self._tell(held)
        self.begin(at=time.monotonic())
        asyncio.get_running_loop().call_later(TICK, self.tick)

    def _tell(self, held: float) -> None:
        line = {
            "at": self._ticked,
            "held": held,
            "processor": time.thread_time() - self._processor,
            "processor_of_all": time.process_time() - self._processor_of_all,
            "collecting": self._collected,
            "places": dict(sorted(self._places.items(), key=lambda each: -each[1])[:_PLACES]),
        }
        with Path(ctx.options.watchdog_file).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def _watch(self) -> None:
        while not self._is_over.wait(TICK / 2):
            now = time.monotonic()
            if now - self._ticked > 2 * TICK:
                # documented, whatever its name looks like
                frames = sys._current_frames()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
                self._places[place(frames[self._main])] += now - self._seen
                self._seen = now

    def _on_collection(self, phase: str, _: Mapping[str, int]) -> None:
        if phase == "start":
            self._collecting = time.monotonic()
        else:
            self._collected += time.monotonic() - self._collecting


def place(frame: FrameType) -> str:
    """Where a thread is: the innermost function, and the innermost of the gateway that led there."""
    innermost = _named(frame)
    caller: FrameType | None = frame
    while caller is not None:
        if _OURS in caller.f_code.co_filename:
            ours = _named(caller)
            return ours if ours == innermost else f"{innermost}, called by {ours}"
        caller = caller.f_back
    return innermost


def _named(frame: FrameType) -> str:
    file = Path(frame.f_code.co_filename)
    parts = file.parts
    for root in (_OURS, "site-packages"):
        if root in parts:
            begin = parts.index(root) + (root == "site-packages")
            return f"{'/'.join(parts[begin:])}:{frame.f_lineno} {frame.f_code.co_qualname}"
    return f"{file.name}:{frame.f_lineno} {frame.f_code.co_qualname}"


addons = [Watchdog()]
