"""Takes the pictures of these pages again: a real mitmweb, real traffic to the simulator, and a headless Chromium that
clicks through it as an operator would.

    uv run --group pictures python docs/pictures/take.py [NAME ...]

Needs Chromium; `CHROMIUM` in the environment says where it is, if not at /usr/bin/chromium.
"""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import openai
import yaml
from playwright.async_api import Browser, Page, async_playwright

from antigravity_addon.simulator.server import Simulator

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
PASSWORD = "operator"
SIZE = {"width": 1500, "height": 860}
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# --- the scene ---------------------------------------------------------------------------------------------


@contextmanager
def mitmweb(upstream: str, folder: Path) -> Generator[tuple[str, str]]:
    """The gateway's address, and mitmweb's."""
    accounts = {
        "accounts": [
            {"email": "ana@example.com", "api_key": "upstream-key-of-ana"},
            {"email": "bo@example.com", "api_key": "fault-rate-limited"},
            {"email": "cleo@example.com", "api_key": "upstream-key-of-cleo"},
        ]
    }
    path = folder / "accounts.yaml"
    path.write_text(yaml.safe_dump(accounts))
    path.chmod(0o600)
    port, web_port = free_port(), free_port()
    options = {
        "confdir": str(folder / "confdir"),
        "gateway_accounts": str(path),
        "gateway_state": "memory",
        "gateway_strategy": "balance",
        "web_password": PASSWORD,
        "web_port": str(web_port),
        "web_open_browser": "false",
        "gateway_prices": str(folder / "prices.yaml"),
    }
    (folder / "prices.yaml").write_text(
        "prices: [{model: 'gemini-2.5-flash', input: 0.30, cached: 0.03, output: 2.50}]\n"
    )
    words = [word for name, value in options.items() for word in ("--set", f"{name}={value}")]
    command = [
        str(Path(sys.executable).parent / "mitmweb"),
        "-s",
        str(ROOT / "addon.py"),
        "--mode",
        f"reverse:{upstream}@127.0.0.1:{port}",
        *words,
    ]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    try:
        yield f"http://127.0.0.1:{port}", f"http://127.0.0.1:{web_port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


async def _is_up(url: str) -> None:
    async with asyncio.timeout(30), httpx.AsyncClient() as client:
        while True:
            with suppress(httpx.TransportError):
                await client.get(url)
                return
            await asyncio.sleep(0.1)


async def traffic(url: str) -> None:
    """A day of an operator's in ten seconds."""
    client = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="sk-of-a-client", max_retries=0)

    async def chat(text: str, **fields: Any) -> None:
        stream = await client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": text}], stream=True, **fields
        )
        async for _ in stream:
            pass

    await chat("echo:The pool decides who pays, and says why.")
    await chat("echo:A second question, and another account.", temperature=0.2)
    await chat("echo:A third one, which the second account cannot pay for just now.", max_tokens=400)
    asked: list[Any] = [
        {"role": "system", "content": "You are a careful assistant."},
        {"role": "user", "content": "call:get_weather what is the weather in Oslo?"},
    ]
    first = await client.chat.completions.create(model="gpt-4o", messages=asked, tools=[WEATHER])
    message = first.choices[0].message
    asked.append(message.model_dump(exclude_none=True))
    asked.extend(
        {"role": "tool", "tool_call_id": call.id, "content": '{"celsius": 4, "sky": "rain"}'}
        for call in message.tool_calls or ()
    )
    asked.append({"role": "user", "content": "echo:Then take an umbrella with you."})
    await client.chat.completions.create(
        model="gpt-4o",
        messages=asked,
        tools=[WEATHER],
        temperature=0.2,
        max_completion_tokens=300,
        seed=7,
        user="ana",
        extra_body={"logit_bias": None, "verbosity": "low"},
    )
    await client.responses.create(
        model="gpt-5-mini",
        input="echo:Responses are kept, and can be gone on from.",
        reasoning={"effort": "low"},
    )
    with suppress(openai.APIStatusError):
        await client.chat.completions.create(model="no-such-model", messages=asked[:1])


@asynccontextmanager
async def scene() -> AsyncGenerator[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        async with Simulator() as simulator:
            with mitmweb(simulator.base_url, Path(folder)) as (gateway, web):
                await _is_up(f"{gateway}/healthz")
                await traffic(gateway)
                yield gateway, web


# --- what an operator does -----------------------------------------------------------------------------------


class Operator:
    """In front of mitmweb."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def look_at(self, comment: str, tab: str, view: str = "", *, number: int = 0) -> None:
        """One of the flows with such a comment, the first unless told otherwise."""
        await self.page.locator(".flow-table tbody tr", has_text=comment).nth(number).click()
        await self.page.locator(".flow-detail nav a", has_text=tab).click()
        if view:
            await self.page.locator(".flow-detail a", has_text="View:").first.click()
            await self.page.locator(".dropdown-menu a", has_text=view).first.click()

    async def scroll_to_body(self) -> None:
        await self.page.locator(".flow-detail a", has_text="View:").first.scroll_into_view_if_needed()
        await self.page.locator(".flow-detail section").evaluate(
            "pane => { pane.scrollTop = pane.scrollHeight }"
        )

    async def keep(self, name: str) -> None:
        await asyncio.sleep(0.7)
        IMAGES.mkdir(exist_ok=True)
        await self.page.screenshot(path=IMAGES / f"{name}.png")


async def take_list(operator: Operator) -> None:
    await operator.look_at("↻", "Response")
    await operator.keep("mitmweb")


async def take_attempt(operator: Operator) -> None:
    await operator.look_at("429 rate_limit_exceeded", "Response")
    await operator.keep("attempt")


async def take_conversation(operator: Operator) -> None:
    await operator.look_at("gpt-4o → gemini-2.5-flash", "Request", "Gateway: conversation", number=4)
    await operator.scroll_to_body()
    await operator.keep("conversation")


async def take_why(operator: Operator) -> None:
    await operator.look_at("↻", "Response", "Gateway: why")
    await operator.scroll_to_body()
    await operator.keep("why")


async def take_fields(operator: Operator) -> None:
    await operator.look_at("gpt-4o → gemini-2.5-flash", "Request", "Gateway: fields", number=4)
    await operator.scroll_to_body()
    await operator.keep("fields")


PICTURES: dict[str, Callable[[Operator], Awaitable[None]]] = {
    "mitmweb": take_list,
    "attempt": take_attempt,
    "conversation": take_conversation,
    "fields": take_fields,
    "why": take_why,
}


async def main(names: list[str]) -> None:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
    async with scene() as (_, web), async_playwright() as playwright:
        browser: Browser = await playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-background-networking"]
        )
        page = await browser.new_page(viewport=SIZE, color_scheme="light")  # type: ignore[arg-type]
        operator = Operator(page)
        await page.goto(f"{web}/?token={PASSWORD}")
        await page.wait_for_selector(".flow-table tbody tr:has-text('no-such-model')")
        for name, take in PICTURES.items():
            if not names or name in names:
                await take(operator)
                sys.stdout.write(f"docs/images/{name}.png\n")
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
