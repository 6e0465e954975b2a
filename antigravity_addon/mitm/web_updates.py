"""What browsers are told of the list of flows in mitmweb, in turns with clients who are being served.

mitmweb (12.2.3) searches all flows in one go whenever a letter is typed into *Search* or *Highlight*, 0.8 s for a word in 256 MB
of bodies, and hashes the bodies of a flow, whether a browser is there or not, at each news of it.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal, override

from mitmproxy import flowfilter
from mitmproxy.flow import Flow
from mitmproxy.tools.web import app as mitmweb

from antigravity_addon.gateway.tasks import LARGE, spawn

if TYPE_CHECKING:
    from _hashlib import HASH

_MOST_WAITING = 20_000
"""Messages of some 2 kB, for a browser that takes none: a computer that sleeps with the page open would fill the memory."""
_EDGE = 4096
"""Bytes."""


class Updates(mitmweb.ClientConnection):
    """One browser.

    State: searches, by what the browser calls them, and for each that is under way the flows that are still to be looked at.
    """

    @override
    def initialize(self) -> None:
        self._searches: dict[str, asyncio.Task[None]] = {}
        self._unseen: dict[str, dict[Flow, None]] = {}

    @override
    def send(self, message: bytes) -> None:
        if self._send_queue.qsize() < _MOST_WAITING:
            super().send(message)
        else:
            self.close()

    @override
    def update_filter(self, name: str, expr: str) -> None:
        """What is not to be read finds nothing: mitmproxy would end the connection, and the page takes much that is half typed for
        an expression, such as `~b '`.
        """
        self._give_up(name)
        if not expr:
            super().update_filter(name, expr)
            return
        try:
            self.filters[name] = flowfilter.parse(expr)
        except ValueError:
            self.filters.pop(name, None)
            self._tell(name, [])
            return
        self._unseen[name] = dict.fromkeys(self.application.master.view)
        self._searches[name] = spawn(self._search(name, self._unseen[name]), name=f"search flows for {name}")

    async def _search(self, name: str, unseen: dict[Flow, None]) -> None:
        matches = self.filters[name]
        found: set[Flow] = set()
        while unseen:
            flow = next(iter(unseen))
            del unseen[flow]
            if matches(flow):
                found.add(flow)
            else:
                found.discard(flow)
            await asyncio.sleep(0)
        del self._unseen[name]
        self._tell(name, [flow.id for flow in self.application.master.view if flow in found])

    def _tell(self, name: str, found: Sequence[str]) -> None:
        payload = {"name": name, "matching_flow_ids": found}
        self.send(self._json_dumps({"type": "flows/filterUpdate", "payload": payload}))

    def _give_up(self, name: str) -> None:
        self._unseen.pop(name, None)
        if (search := self._searches.pop(name, None)) is not None:
            search.cancel()

    @override
    def _broadcast_flow(
        self, type: Literal["flows/add", "flows/update"], f: Flow, flow_json: dict[str, Any]
    ) -> None:
        super()._broadcast_flow(type, f, flow_json)
        for unseen in self._unseen.values():
            unseen[f] = None

    @override
    def on_close(self) -> None:
        for name in tuple(self._searches):
            self._give_up(name)
        super().on_close()


def tell_bodies_apart() -> None:
    """By what costs the same for each of them. Browsers ask for a body again when its mark changes; the mark is nothing else to
    them."""
    mitmweb.hashlib = SimpleNamespace(sha256=_mark)


def _mark(body: bytes) -> "HASH":
    if len(body) < LARGE:
        return hashlib.sha256(body)
    # another body is another object, and the one before stays in the flow for *Revert*
    mark = hashlib.sha256(f"{id(body)} {len(body)}".encode())
    mark.update(body[:_EDGE])
    mark.update(body[-_EDGE:])
    return mark
