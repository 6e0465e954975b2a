"""How many bytes the bodies of all requests may have together that are being read or answered.

Only what has come is counted: a length that is merely announced would let a few idle clients keep everybody out.
"""

from weakref import WeakKeyDictionary

from antigravity_addon.errors import NoRoomForBody

from .door import SMALL_BODY_BYTES, most_bytes

LARGEST_BODIES = 8
"""There is room for so many of the largest bodies, and for as much as one more in small ones, which large ones do not keep out."""
_SECONDS_TO_WAIT = 1.0


class BodyRoom:
    """State: by request, how many bytes of it are in memory. One that is lost without an end takes its room with it."""

    def __init__(self) -> None:
        self._taken: WeakKeyDictionary[object, int] = WeakKeyDictionary()

    def take(self, request: object, size: int) -> None:
        """The request's body has so many bytes by now.

        Raises: NoRoomForBody: it takes no room then.
        """
        self._taken.pop(request, None)
        self.check(size)
        if size:
            self._taken[request] = size

    def check(self, size: int) -> None:
        """Raises: NoRoomForBody: so many more are too many."""
        taken = self.taken
        bodies = LARGEST_BODIES + (size <= SMALL_BODY_BYTES)
        if taken + size > bodies * most_bytes():
            raise NoRoomForBody(
                f"The bodies of all requests that are being answered have {taken} bytes together: there is no room for "
                f"{size} more. Please try again in {_SECONDS_TO_WAIT:g}s.",
                retry_after=_SECONDS_TO_WAIT,
            )

    def give_back(self, request: object) -> None:
        self._taken.pop(request, None)

    def __contains__(self, request: object) -> bool:
        return request in self._taken

    @property
    def taken(self) -> int:
        return sum(self._taken.values())
