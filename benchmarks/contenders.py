"""Whom a section compares: no proxy, mitmproxy that passes bytes on, this gateway, and its peers."""

import asyncio
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from .answers import Answer
from .load import proven
from .peers import PEERS, NotSetUp
from .processes import NotStarted, Subject, direct, gateway, plain_proxy

DIRECT, PLAIN, GATEWAY = "direct", "plain mitmproxy", "gateway"


@dataclass(frozen=True, slots=True)
class Contenders:
    subjects: tuple[Subject, ...]
    left_out: tuple[str, ...]
    """Sentences that name peers and say why."""


def start(stack: ExitStack, upstream_url: str, folder: Path, *, with_peers: bool) -> Contenders:
    """Each proven to answer the whole text, streamed and at once."""
    subjects = [
        direct(upstream_url),
        stack.enter_context(plain_proxy(upstream_url, folder)),
        stack.enter_context(gateway(upstream_url, folder)),
    ]
    left_out: list[str] = []
    for peer in PEERS if with_peers else ():
        print(f"{peer.name} {peer.version} is set up and started.", file=sys.stderr, flush=True)
        try:
            subjects.append(stack.enter_context(peer.start(upstream_url, folder)))
        except (NotSetUp, NotStarted) as error:
            left_out.append(f"{peer.name} {peer.version} is left out: {error}")
    for subject in subjects:
        asyncio.run(proven(subject, Answer()))
    return Contenders(tuple(subjects), tuple(left_out))
