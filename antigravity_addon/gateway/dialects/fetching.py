"""What a request names by URL, fetched before it is translated."""

import asyncio
from collections.abc import Iterable

from antigravity_addon.errors import InvalidRequest
from antigravity_addon.gateway.tasks import all_of
from antigravity_addon.translate.media import Fetched, WebMedium
from antigravity_addon.translate.openai_content import WebReference
from antigravity_addon.upstream.web_media import Kinds

from .dialect import Surroundings

MOST_URLS = 32
"""Of one request."""
_AT_ONCE = 4
"""Of one request: all requests share the places there are for fetching."""
MOST_BYTES = 100_000_000
"""Of one request, all its URLs together: Gemini takes no more in one either."""


def size_of(fetched: Fetched) -> int:
    """Bytes, all of it."""
    return sum(len(medium.content) for medium in fetched.values())


async def fetch_all(surroundings: Surroundings, references: Iterable[WebReference]) -> Fetched:
    """Every URL once, a few at the same time; nothing where nothing may be fetched, which translation then refuses.

    Raises: InvalidRequest: one of them cannot be had, or all together are too large.
    """
    media = surroundings.media
    if media is None:
        return {}
    wanted: dict[str, WebReference] = {}
    for reference in references:
        wanted.setdefault(reference.url, reference)
    if not wanted:
        return {}
    if len(wanted) > MOST_URLS:
        last = list(wanted.values())[MOST_URLS]
        raise InvalidRequest(
            f"A request may name {MOST_URLS} URLs at most, and this is one more.", param=last.param
        )

    places = asyncio.Semaphore(_AT_ONCE)
    left = MOST_BYTES

    async def fetch(reference: WebReference) -> WebMedium:
        nonlocal left
        kinds = Kinds.IMAGE if reference.is_image else Kinds.ANY_FILE
        async with places:
            found = await media.fetch(reference.url, param=reference.param, kinds=kinds)
        left -= len(found.content)
        if left < 0:
            raise InvalidRequest(
                f"What the URLs of this request lead to is larger than {MOST_BYTES:,} bytes together.",
                param=reference.param,
            )
        return WebMedium(found.content, found.content_type)

    found = await all_of(fetch, wanted.values())
    return dict(zip(wanted, found, strict=True))
