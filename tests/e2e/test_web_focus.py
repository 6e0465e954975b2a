"""In mitmweb, `@focus` is what the browser shows."""

from pathlib import Path

import aiohttp
from mitmproxy.tools.web.master import WebMaster

from .test_retention import ask, run_mitmweb


def in_focus(master: WebMaster) -> list[str]:
    return [flow.id for flow in master.commands.call_strings("view.flows.resolve", ["@focus"])]


async def test_commands_take_the_flow_that_the_browser_shows(tmp_path: Path) -> None:
    async with run_mitmweb(tmp_path) as (gateway, master), aiohttp.ClientSession() as web:
        first, second, third = await ask(gateway, 3)
        url, _, token = master.web_url.partition("?")

        async def show(flow: str, part: str, given: str = token) -> int:
            async with web.get(f"{url}flows/{flow}/{part}.json?lines=513&{given}") as answer:
                return answer.status

        assert in_focus(master) == [first]
        assert await show(second, "response/content/auto") == 200
        assert in_focus(master) == [second]
        assert await show(third, "request/content/raw") == 200
        assert in_focus(master) == [third]
        # a stranger shows nothing
        async with aiohttp.ClientSession() as stranger:
            address = f"{url}flows/{first}/request/content/auto.json"
            assert (await stranger.get(address)).status == 403
        assert in_focus(master) == [third]
        # whoever filters the server's list may look at what it hides
        master.options.view_filter = "~u nowhere"
        assert await show(second, "request/content/auto") == 200
