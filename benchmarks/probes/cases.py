"""Every probe, in the order of the table."""

from .chat import CHAT
from .failures import FAILURES
from .responses import RESPONSES

PROBES = (*CHAT, *FAILURES, *RESPONSES)
