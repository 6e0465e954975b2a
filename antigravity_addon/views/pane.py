"""The room that a text has where people read it."""

WIDTH = 88
"""Characters, of which mitmweb breaks none: what half of a window holds that is 1,500 pixels wide."""
