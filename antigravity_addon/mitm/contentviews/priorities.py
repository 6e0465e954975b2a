"""How much a view wants to be the one that is shown unless somebody asks for another."""

ABOVE_ALL = 2.0
"""mitmproxy's own views of bodies go up to 1."""
WHEN_CHOSEN = 0.0
"""Never the best: even raw bytes have 0.1."""
NEVER = -1.0
"""There is nothing for it to show."""
