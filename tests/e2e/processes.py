"""A mitmdump in a process of its own, with the gateway in it, as operators run it."""

import asyncio
import re
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from .test_start import ROOT, command, environment


@dataclass
class Mitmdump:
    url: str
    """`http://127.0.0.1:port`."""
    output: bytearray
    """All that it has printed so far."""
    _process: asyncio.subprocess.Process
    _reader: asyncio.Task[None]

    @property
    def shown_by_ps(self) -> bytes:
        """Its command line; empty where the system keeps it elsewhere."""
        shown = Path(f"/proc/{self._process.pid}/cmdline")
        return shown.read_bytes() if shown.exists() else b""

    @property
    def process_id(self) -> int:
        return self._process.pid

    async def kill(self) -> None:
        """As `kill -9` does: it has no time for anything."""
        self._process.kill()
        await self.end()

    async def stop(self) -> None:
        """As an operator does, who waits for it to end."""
        if self._process.returncode is None:
            self._process.terminate()
        await self.end()

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    async def wait_for(self, words: bytes) -> None:
        """Until it has printed them."""
        async with asyncio.timeout(150):
            while words not in self.output:  # noqa: ASYNC110  whoever reads tells nobody
                await asyncio.sleep(0.01)

    async def end(self) -> int:
        """Wait for it: its exit code."""
        async with asyncio.timeout(150):
            await self._reader
            return await self._process.wait()


@asynccontextmanager
async def run_mitmdump(
    folder: Path, target: str, *arguments: str, **variables: str
) -> AsyncGenerator[Mitmdump]:
    """Serving requests; it is stopped in the end if it still runs. Its confdir is `folder`/confdir."""
    shutil.copy(ROOT / "addon.py", folder)
    mode = ("--mode", f"reverse:{target}@127.0.0.1:0")
    process = await asyncio.create_subprocess_exec(
        *command(folder, *mode, *arguments),
        cwd=folder,
        env=environment(**variables),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    output = bytearray()
    url = ""
    async with asyncio.timeout(150):
        while not url:
            line = await process.stdout.readline()
            assert line, f"ended before it listened: {output.decode()}"
            output += line
            if found := re.search(rb"listening at (\S+)\.$", line.rstrip()):
                url = f"http://{found[1].decode()}"
    reader = asyncio.get_running_loop().create_task(_read(process.stdout, output))
    running = Mitmdump(url, output, process, reader)
    try:
        yield running
    finally:
        await running.stop()
    assert b"Traceback" not in output, output.decode()


async def _read(stream: asyncio.StreamReader, output: bytearray) -> None:
    while piece := await stream.read(65_536):
        output += piece
