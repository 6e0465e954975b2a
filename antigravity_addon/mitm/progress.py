"""An exchange in the flow list while it goes on."""

import asyncio

from mitmproxy import ctx, http
from mitmproxy.hooks import UpdateHook

from antigravity_addon.gateway.trace import Trace, unnoticed

from .annotate import annotate, annotate_progress
from .attempts import FlowIds

_SECONDS = 0.2
"""For which changes are gathered: what is over by then is never shown as under way, and costs nothing."""


class Progress:
    """Keeps a client's flow true of its exchange.

    State: the update that is due, and whether there may be any more.
    """

    def __init__(self, flow: http.HTTPFlow) -> None:
        self._flow = flow
        self.trace = Trace(changed=self._soon)
        self.attempt_flows: FlowIds = {}
        self._update: asyncio.TimerHandle | None = None
        self._is_over = False

    def _soon(self) -> None:
        if self._update is None and not self._is_over:
            self._update = asyncio.get_running_loop().call_later(_SECONDS, self._show)

    def _show(self) -> None:
        self._update = None
        annotate_progress(self._flow, self.trace, self.attempt_flows)
        ctx.master.addons.trigger(UpdateHook([self._flow]))

    def end(self) -> None:
        """The exchange is over: the last word on it."""
        self.stop()
        annotate(self._flow, self.trace, self.attempt_flows)

    def stop(self) -> None:
        """No word any more. And the trace refers to this no longer: two that refer to each other outlive their use."""
        self._is_over = True
        self.trace.changed = unnoticed
        if self._update is not None:
            self._update.cancel()
            self._update = None
