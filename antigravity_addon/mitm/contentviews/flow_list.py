"""mitmproxy's list of flows. mitmdump keeps none, so there nothing is ever found."""

from collections.abc import Sequence
from contextlib import suppress

from mitmproxy import ctx, http
from mitmproxy.addons.view import View
from mitmproxy.flow import Flow


def flow_by_id(flow_id: str) -> http.HTTPFlow | None:
    view = _view()
    found = view.get_by_id(flow_id) if view is not None and flow_id else None
    return found if isinstance(found, http.HTTPFlow) else None


def all_flows() -> Sequence[Flow]:
    """In the order in which they came; those that a filter hides, too."""
    view = _view()
    while view is not None:
        # mitmweb has views made on a thread, and a flow may come or go in the middle
        with suppress(RuntimeError):
            return view.resolve("@all")
    return ()


def _view() -> View | None:
    master = getattr(ctx, "master", None)
    view = master.addons.get("view") if master is not None else None
    return view if isinstance(view, View) else None
