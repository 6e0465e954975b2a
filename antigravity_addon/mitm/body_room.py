"""How many bytes the bodies of all requests may have together that are being read or answered.

Only what has come is counted: a length that is merely announced would let a few idle clients keep everybody out.
"""

from weakref import ref

from antigravity_addon.errors import NoRoomForBody

from .door import SMALL_BODY_BYTES, most_bytes

LARGEST_BODIES = 8
"""There is room for so many of the largest bodies, and for as much as one more in small ones, which large ones do not keep out."""
_SECONDS_TO_WAIT = 1.0


class BodyRoom:
    """State: by request, how many bytes of it are in memory, and their sum, which is asked for at each piece of a body. A request
    that is lost without an end takes its room with it.
    """

    def __init__(self) -> None:
        self._sizes: dict[ref[object], int] = {}
        self._taken = 0

    def take(self, request: object, size: int) -> None:
        """The request's body has so many bytes by now.

        Raises: NoRoomForBody: it takes no room then.
        """
        self.give_back(request)
        self.check(size)
        if size:
            self._sizes[ref(request, self._forget)] = size
            self._taken += size

    def check(self, size: int) -> None:
        """Raises: NoRoomForBody: so many more are too many."""
        taken = self._taken
        bodies = LARGEST_BODIES + (size <= SMALL_BODY_BYTES)
        if taken + size > bodies * most_bytes():
            raise NoRoomForBody(
                f"The bodies of all requests that are being answered have {taken} bytes together: there is no room for "
                f"{size} more. Please try again in {_SECONDS_TO_WAIT:g}s.",
                retry_after=_SECONDS_TO_WAIT,
            )

    def give_back(self, request: object) -> None:
        self._forget(ref(request))

    def _forget(self, request: ref[object]) -> None:
        self._taken -= self._sizes.pop(request, 0)

    def __contains__(self, request: object) -> bool:
        return ref(request) in self._sizes

    @property
    def taken(self) -> int:
        return self._taken
