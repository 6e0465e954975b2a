"""The views that mitmproxy is given. Another one costs a module beside this one and a line here."""

from mitmproxy import contentviews

from . import reading
from .cache import CacheContentview
from .fields import FieldsContentview
from .why import WhyContentview

_VIEWS: tuple[contentviews.Contentview, ...] = (
    reading.Conversation(),
    reading.Answer(),
    reading.Changes(),
    reading.Compare(),
    FieldsContentview(),
    CacheContentview(),
    WhyContentview(),
)


def register_views() -> None:
    """Again when addon.py is loaded again: a view takes the place of the one of its name."""
    for view in _VIEWS:
        contentviews.add(view)
