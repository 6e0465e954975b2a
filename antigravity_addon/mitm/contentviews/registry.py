"""The views that mitmproxy is given. Another one costs a module beside this one and a line here."""

from mitmproxy import contentviews

from .cache import CacheContentview
from .fields import FieldsContentview


def register_views() -> None:
    """Again when addon.py is reloaded: a view of the same name is replaced."""
    contentviews.add(FieldsContentview())
    contentviews.add(CacheContentview())
