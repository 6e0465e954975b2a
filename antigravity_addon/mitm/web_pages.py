"""What mitmweb's own server does for its page, and a little more."""

from mitmproxy.tools.web.app import Application, FlowContentView

_PATH = (
    r"/flows/(?P<flow_id>[0-9a-f\-]+)/(?P<message>request|response|messages)"
    r"/content/(?P<content_view>[0-9a-zA-Z\-\_%]+)(?:\.json)?"
)
"""As mitmweb (12.2.3) has it."""
_FOLLOWS = "gateway_follows_the_browser"


class _Shown(FlowContentView):
    """A body in a view. Asks for the password as every page of mitmweb does."""

    def get(self, flow_id: str, message: str, content_view: str) -> None:
        # mitmproxy's own filter may hide what the browser's shows
        if self.flow in self.view:
            self.view.focus.flow = self.flow
        super().get(flow_id, message, content_view)


def follow(app: Application) -> None:
    """What a browser shows is in focus. Once is enough, however often addon.py is loaded again."""
    if not app.settings.get(_FOLLOWS):
        app.settings[_FOLLOWS] = True
        app.add_handlers(".*", [(_PATH, _Shown)])
