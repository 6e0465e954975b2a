"""Agents that write code, in editors and terminals."""

from .client import CODING_MODEL, Block, Client, Language, Trial, Tried

_NO_METADATA = "The limits are the model's own. The client does not ask for them: change them with the model."
_DIALOGUE = "Base URL: @URL@\nAPI Key: @KEY@\nModel ID: @MODEL@\n"

CODEX = Client(
    "codex",
    "Codex CLI",
    "OpenAI's agent for the terminal, over the Responses API",
    (
        Block(
            r"In ~/.codex/config.toml, on Windows %USERPROFILE%\.codex\config.toml; what stands above the first [table] "
            "must stay above it",
            Language.TOML,
            """\
model = "@MODEL@"
model_provider = "gateway"
model_context_window = @CONTEXT@

[model_providers.gateway]
name = "gateway"
base_url = "@URL@"
wire_api = "responses"
env_key = "@KEY_VARIABLE@"
""",
        ),
    ),
    Tried(Trial.TESTS, "Codex CLI 0.169"),
    (
        "Codex ends at once if the variable is not set.",
        (
            "With a name that Codex knows, such as gpt-5.5, it offers its own tool apply_patch; the gateway serves such names by "
            "Gemini models."
        ),
        "A project's own .codex/config.toml cannot choose a provider, and OPENAI_BASE_URL is not read.",
    ),
    CODING_MODEL,
)

CLINE = Client(
    "cline",
    "Cline",
    "agent for VS Code and the terminal",
    (
        Block(
            "In Cline's settings, with the API provider OpenAI Compatible",
            Language.FIELDS,
            f"{_DIALOGUE}Context Window: @CONTEXT@\nMax Output Tokens: @OUTPUT@\n",
        ),
        Block(
            "For the terminal's cline, once",
            Language.SHELL,
            'cline auth -p openai-compatible -b "@URL@" -m "@MODEL@" -k "@KEY@"\n',
        ),
    ),
    Tried(Trial.HAND, "Cline 3.0.65 for the terminal"),
    (
        "The fields in the editor follow Cline's documentation. The provider OpenAI is another one, which may not let you set the URL.",
        "An argument can be seen in the list of processes while the command runs.",
        _NO_METADATA,
    ),
    CODING_MODEL,
)

CONTINUE = Client(
    "continue",
    "Continue",
    "assistant for VS Code, JetBrains and the terminal",
    (
        Block(
            r"In ~/.continue/config.yaml, on Windows %USERPROFILE%\.continue\config.yaml; or the entry of models alone, if "
            "there is one already",
            Language.YAML,
            """\
name: Gateway
version: 0.0.1
schema: v1
models:
  - name: Gemini
    provider: openai
    model: @MODEL@
    apiBase: @URL@
    apiKey: ${{ secrets.@KEY_VARIABLE@ }}
    roles: [chat, edit, apply]
    capabilities: [tool_use, image_input]
    defaultCompletionOptions:
      contextLength: @CONTEXT@
      maxTokens: @OUTPUT@
""",
        ),
        Block("In ~/.continue/.env", Language.SHELL, "@KEY_VARIABLE@=@KEY@\n"),
    ),
    Tried(Trial.HAND, "Continue's cn 1.5.47 for the terminal"),
    ("Leave out the role embed: embeddings are not served.", _NO_METADATA),
)

ZED = Client(
    "zed",
    "Zed",
    "editor with an agent of its own",
    (
        Block(
            r"In ~/.config/zed/settings.json, on Windows %APPDATA%\Zed\settings.json (command: zed: open settings)",
            Language.JSON,
            """\
{
  "language_models": {
    "openai_compatible": {
      "antigravity": {
        "api_url": "@URL@",
        "available_models": [
          {
            "name": "@MODEL@",
            "display_name": "@MODEL@",
            "max_tokens": @CONTEXT@,
            "max_output_tokens": @OUTPUT@,
            "capabilities": {
              "tools": true,
              "images": true,
              "parallel_tool_calls": true,
              "prompt_cache_key": false,
              "chat_completions": true,
              "interleaved_reasoning": false,
              "max_tokens_parameter": false
            }
          }
        ]
      }
    }
  }
}
""",
        ),
        Block(
            "The key, in the shell that starts Zed, or in its settings under LLM Providers",
            Language.SHELL,
            "export ANTIGRAVITY_API_KEY=@SHELL_KEY@\n",
        ),
    ),
    Tried(Trial.NONE),
    (
        "Zed does not fetch the list of models: each one needs an entry.",
        "The variable's name comes from the provider's, antigravity. A Zed that is not started from a terminal does not see it.",
        _NO_METADATA,
    ),
    CODING_MODEL,
)

KILO = Client(
    "kilo",
    "Kilo Code",
    "agent for VS Code and the terminal",
    (
        Block(
            "In ~/.config/kilo/kilo.json, or in kilo.json of a project",
            Language.JSON,
            """\
{
  "model": "gateway/@MODEL@",
  "provider": {
    "gateway": {
      "npm": "@ai-sdk/openai-compatible",
      "name": "Gateway",
      "env": ["@KEY_VARIABLE@"],
      "options": { "baseURL": "@URL@" },
      "models": {
        "@MODEL@": {
          "name": "@MODEL@",
          "limit": { "context": @CONTEXT@, "output": @OUTPUT@ }
        }
      }
    }
  }
}
""",
        ),
    ),
    Tried(Trial.NONE),
    (
        (
            "In VS Code the same can be typed under Settings, Providers, Custom provider, with the API OpenAI Compatible; it then "
            "fetches the list of models."
        ),
        _NO_METADATA,
    ),
    CODING_MODEL,
)

ROO = Client(
    "roo",
    "Roo Code",
    "agent for VS Code",
    (
        Block(
            "In Roo Code's settings, with the API provider OpenAI Compatible",
            Language.FIELDS,
            f"{_DIALOGUE}Context Window: @CONTEXT@\nMax Output Tokens: @OUTPUT@\n",
        ),
    ),
    Tried(Trial.NONE),
    ("The provider OpenAI is another one, which may not let you set the URL.", _NO_METADATA),
    CODING_MODEL,
)

AIDER = Client(
    "aider",
    "aider",
    "pair programmer for the terminal",
    (
        Block(
            "In the shell",
            Language.SHELL,
            """\
export OPENAI_API_BASE="@URL@"
export OPENAI_API_KEY=@SHELL_KEY@
export AIDER_MODEL="openai/@MODEL@"
""",
        ),
        Block(
            "In ~/.aider.model.metadata.json, so that aider knows the model's limits",
            Language.JSON,
            """\
{
  "openai/@MODEL@": {
    "litellm_provider": "openai",
    "mode": "chat",
    "max_input_tokens": @CONTEXT@,
    "max_output_tokens": @OUTPUT@
  }
}
""",
        ),
    ),
    Tried(Trial.HAND, "aider 0.86.2"),
    (
        "Without the second file aider warns about a model that it does not know; the warning does no harm.",
        "The model's name has openai/ before it, which does not reach the gateway.",
    ),
    CODING_MODEL,
)

OPENCODE = Client(
    "opencode",
    "opencode",
    "agent for the terminal",
    (
        Block(
            "In ~/.config/opencode/opencode.json, or in opencode.json of a project",
            Language.JSON,
            """\
{
  "$schema": "https://opencode.ai/config.json",
  "model": "gateway/@MODEL@",
  "provider": {
    "gateway": {
      "npm": "@ai-sdk/openai-compatible",
      "name": "Gateway",
      "options": { "baseURL": "@URL@", "apiKey": "{env:@KEY_VARIABLE@}" },
      "models": {
        "@MODEL@": {
          "name": "@MODEL@",
          "limit": { "context": @CONTEXT@, "output": @OUTPUT@ }
        }
      }
    }
  }
}
""",
        ),
    ),
    Tried(Trial.HAND, "opencode 1.18.33"),
    ("It brings thought signatures back, so the model keeps its train of thought.", _NO_METADATA),
    CODING_MODEL,
)
