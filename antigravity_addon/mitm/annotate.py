"""What people see of an exchange in mitmweb's list."""

from collections.abc import Mapping, Sequence

from mitmproxy import http

from antigravity_addon.gateway.trace import Trace
from antigravity_addon.gateway.trace_document import to_document
from antigravity_addon.wire.openai_error import read_error

METADATA_KEY = "gateway"
"""Under which a client's flow has its trace."""
ATTEMPT_KEY = "gateway_attempt"
"""Under which the flow of an upstream request says whose it is."""
REPLAY_KEY = "gateway_replay"
"""Under which a flow that `gateway.replay` made says of what."""
CLIENT_GONE = "client gone"
RETRIED, FAILED, CUT = ":arrows_counterclockwise:", ":x:", ":scissors:"
MARKERS = {RETRIED: "↻", FAILED: "✗", CUT: "✂"}
"""The gateway's own, and the sign that a comment begins with: mitmweb shows markers beside the path alone, for which the list
has no room. An operator may take any other marker, and it stays.
"""


def annotate(flow: http.HTTPFlow, trace: Trace, attempt_flows: Mapping[int, Sequence[str]]) -> None:
    """The comment column and the marker, and the same facts as plain data for filters, views and scripts.

    `attempt_flows` are the ids of the flows that show an attempt, by its number.
    """
    if trace.naming is None and not trace.model_asked:
        return  # a list of models or a health check has nothing to tell
    if trace.model_asked:
        marker = _marker_of(trace)
        flow.comment = replay_prefix(flow) + f"{MARKERS.get(marker, '')} {trace.headline()}".lstrip()
        if not flow.marked or flow.marked in MARKERS:
            flow.marked = marker
    flow.metadata[METADATA_KEY] = to_document(trace, attempt_flows)


def annotate_progress(flow: http.HTTPFlow, trace: Trace, attempt_flows: Mapping[int, Sequence[str]]) -> None:
    """The same for an exchange that is not over, as it stands."""
    if trace.model_asked:
        flow.comment = replay_prefix(flow) + trace.progress()
        flow.metadata[METADATA_KEY] = to_document(trace, attempt_flows, is_over=False)


def _marker_of(trace: Trace) -> str:
    if trace.error:
        return CUT if trace.status == 200 or trace.error == CLIENT_GONE else FAILED
    return RETRIED if len(trace.attempts) > 1 else ""


def name_others(flow: http.HTTPFlow) -> None:
    """One that never came as far as a model: the list has no column for its path."""
    if flow.comment:
        return
    marker, reason = _end_of(flow)
    path = flow.request.path.partition("?")[0]
    words = " · ".join(part for part in (reason, f"{flow.request.method} {path}") if part)
    flow.comment = f"{MARKERS.get(marker, '')} {words}".lstrip()
    flow.marked = flow.marked or marker


def _end_of(flow: http.HTTPFlow) -> tuple[str, str]:
    """The marker for it, and why it ended so; both empty if nothing was wrong."""
    response = flow.response
    if response is None:
        return CUT, CLIENT_GONE
    if response.status_code < 400:
        return "", ""
    try:
        error = read_error(response.get_content(strict=False) or b"")
    except ValueError:
        return FAILED, str(response.status_code)  # another addon has answered
    return FAILED, f"{response.status_code} {error.code or error.type}"


def replay_prefix(flow: http.HTTPFlow) -> str:
    """What the comment begins with of a flow that was made to repeat another one."""
    return "replay · " if REPLAY_KEY in flow.metadata else ""


def comment_on_attempt(flow: http.HTTPFlow) -> None:
    """From its metadata. The marker is left to the client's flow: one mark for one failure."""
    facts = flow.metadata[ATTEMPT_KEY]
    hop = f".{facts['hop']}" if facts["hop"] > 1 else ""
    account = facts["account"].partition("@")[0]
    parts = (f"↳ attempt {facts['attempt']}{hop}", facts["model"], f"{account}@…", facts["outcome"])
    flow.comment = replay_prefix(flow) + " · ".join(part for part in parts if part)
