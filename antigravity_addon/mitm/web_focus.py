"""`@focus` in mitmweb's command bar: the flow that the browser shows.

mitmweb (12.2.3) leaves it at the first flow of the list, whichever is selected. A browser says so to nobody, but asks for the
body of each request and answer that it shows.
"""

from mitmproxy import ctx


class WebFocus:
    """An addon of its own, beside the hooks."""

    name = "gateway_web_focus"

    def running(self) -> None:
        app = getattr(ctx.master, "app", None)
        if app is not None:
            # mitmdump does without mitmweb's modules
            from .web_pages import follow  # noqa: PLC0415

            follow(app)
