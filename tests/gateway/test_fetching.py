import asyncio

import pytest

from antigravity_addon.errors import InvalidRequest
from antigravity_addon.gateway.dialects.dialect import Surroundings
from antigravity_addon.gateway.dialects.fetching import MOST_BYTES, MOST_URLS, fetch_all
from antigravity_addon.state.sqlite import SqliteMemory
from antigravity_addon.state.sqlite_file import IN_MEMORY, SqliteFile
from antigravity_addon.translate.media import WebMedium
from antigravity_addon.translate.openai_content import WebReference
from antigravity_addon.upstream.web_media import Fetched, Kinds


class Web:
    """Gives the same content for every URL, and counts who asks at the same time."""

    def __init__(self, content: bytes = b"a") -> None:
        self._content = content
        self._waiting = 0
        self.most_waiting = 0
        self.fetched: list[tuple[str, Kinds]] = []

    async def fetch(self, url: str, *, param: str, kinds: Kinds) -> Fetched:
        self.fetched.append((url, kinds))
        self._waiting += 1
        self.most_waiting = max(self.most_waiting, self._waiting)
        await asyncio.sleep(0)
        self._waiting -= 1
        return Fetched(self._content, param)


def references(count: int) -> list[WebReference]:
    return [
        WebReference(f"https://a.test/{number}", f"input[{number}]", is_image=True) for number in range(count)
    ]


def surrounded_by(web: Web) -> Surroundings:
    memory = SqliteMemory(SqliteFile(IN_MEMORY), clock=lambda: 1e9, max_age=1e6, max_bytes=10**6)
    return Surroundings("ana", memory, web)


async def test_each_url_is_fetched_once_and_few_at_the_same_time() -> None:
    web = Web()
    named = references(MOST_URLS)
    fetched = await fetch_all(surrounded_by(web), [*named, *named])
    assert fetched == {each.url: WebMedium(b"a", each.param) for each in named}
    assert web.fetched == [(each.url, Kinds.IMAGE) for each in named]
    assert web.most_waiting == 4


async def test_of_too_many_urls_none_is_fetched() -> None:
    web = Web()
    with pytest.raises(InvalidRequest, match="may name 32 URLs at most") as caught:
        await fetch_all(surrounded_by(web), references(MOST_URLS + 1))
    assert (caught.value.param, web.fetched) == (f"input[{MOST_URLS}]", [])


async def test_what_is_too_large_together_is_not_fetched_to_its_end() -> None:
    web = Web(bytes(MOST_BYTES // 5))
    assert len(await fetch_all(surrounded_by(web), references(5))) == 5
    web.fetched.clear()
    with pytest.raises(InvalidRequest, match="larger than 100,000,000 bytes together") as caught:
        await fetch_all(surrounded_by(web), references(MOST_URLS))
    assert caught.value.param == "input[5]"
    assert len(web.fetched) < 12
