"""Everything else: what is typed into a shell, and Open WebUI."""

from .client import Block, Client, Language, Trial, Tried

CURL = Client(
    "curl",
    "curl",
    "a request by hand",
    (
        Block(
            "In a shell",
            Language.SHELL,
            """\
curl -N "@URL@/chat/completions" \\
  -H "Authorization: Bearer "@SHELL_KEY@ \\
  -H "Content-Type: application/json" \\
  -d '{
    "model": "@MODEL@",
    "stream": true,
    "messages": [{"role": "user", "content": "Hello, who are you?"}]
  }'
""",
        ),
    ),
    Tried(Trial.TESTS, "curl"),
    ("With -i it shows the headers, which name the model that served and the account that paid.",),
)

ENVIRONMENT = Client(
    "env",
    "Environment variables",
    "for programs that are not yours to change",
    (
        Block(
            "In ~/.profile, or in the shell that starts the program",
            Language.SHELL,
            """\
export OPENAI_BASE_URL="@URL@"
export OPENAI_API_BASE="@URL@"
export OPENAI_API_KEY=@SHELL_KEY@
""",
        ),
        Block(
            "On Windows, in PowerShell",
            Language.POWERSHELL,
            """\
$env:OPENAI_BASE_URL = "@URL@"
$env:OPENAI_API_BASE = "@URL@"
$env:OPENAI_API_KEY = "@KEY@"
""",
        ),
    ),
    Tried(Trial.TESTS, "OpenAI's SDK for Python"),
    (
        "OpenAI's SDKs read OPENAI_BASE_URL, older programs OPENAI_API_BASE, some neither: then look for a setting.",
        "Every program that is started with them goes to the gateway.",
    ),
)

OPEN_WEBUI = Client(
    "open-webui",
    "Open WebUI",
    "chat in the browser",
    (
        Block(
            "Beside the gateway, without a container",
            Language.SHELL,
            """\
export OPENAI_API_BASE_URL="@URL@"
export OPENAI_API_KEY=@SHELL_KEY@
open-webui serve
""",
        ),
        Block(
            "In a container",
            Language.SHELL,
            """\
docker run -d -p 3000:8080 --add-host=host.docker.internal:host-gateway \\
  -e OPENAI_API_BASE_URL="@URL_FROM_CONTAINER@" -e OPENAI_API_KEY=@SHELL_KEY@ \\
  -v open-webui:/app/backend/data ghcr.io/open-webui/open-webui:main
""",
        ),
    ),
    Tried(Trial.NONE),
    (
        "It reads the variables at its first start alone, and keeps them: later change them under Admin Settings, Connections.",
        (
            "A container is another machine to the gateway, which refuses those unless it was started with "
            "gateway_allow_lan_access=true and a key."
        ),
    ),
)
