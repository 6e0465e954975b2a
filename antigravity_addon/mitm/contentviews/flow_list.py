"""mitmproxy's list of flows. mitmdump keeps none, so there nothing is ever found."""

from collections.abc import Sequence

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
    return () if view is None else view.resolve("@all")


def _view() -> View | None:
    master = getattr(ctx, "master", None)
    view = master.addons.get("view") if master is not None else None
    return view if isinstance(view, View) else None
