"""What `antigravity client NAME` prints, for a gateway that a test runs."""

import asyncio
import io
import json
from contextlib import redirect_stdout
from typing import Any

from antigravity_addon.cli.main import main


async def printed_blocks(name: str, url: str, *arguments: str) -> list[str]:
    def run() -> Any:
        with redirect_stdout(io.StringIO()) as output:
            assert main(["client", name, "--url", url, "--json", *arguments]) == 0
        return json.loads(output.getvalue())

    document = await asyncio.to_thread(run)
    return [entry["block"] for entry in document["blocks"]]
