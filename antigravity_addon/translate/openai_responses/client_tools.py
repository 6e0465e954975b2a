"""OpenAI's tools that run at the client: shells and patches of files.

OpenAI's models know their arguments; Gemini is told of each as a function. What comes of a call is written into the
item that the client expects, whatever the model made of the schema; what comes back with the history is written as
the model had it.
"""

from typing import assert_never

from pydantic_core import to_json

from antigravity_addon.translate.tools import Tool
from antigravity_addon.wire.base import Json, JsonObject
from antigravity_addon.wire.openai_responses.items import (
    ApplyPatchCallOutput,
    LocalShellAction,
    PatchOperation,
    ShellAction,
    ShellCallOutput,
)
from antigravity_addon.wire.openai_responses.tools import ClientToolType

_STRINGS: JsonObject = {"type": "array", "items": {"type": "string"}}
_MILLISECONDS: JsonObject = {
    "type": "integer",
    "description": "Milliseconds after which the run is given up. Leave it out unless it may take long.",
}

LOCAL_SHELL = Tool(
    "local_shell",
    "Runs one program on the user's machine and gives its output.",
    {
        "type": "object",
        "properties": {
            "command": {
                **_STRINGS,
                "description": "The program and its arguments, one string each. No shell reads them: for pipes, "
                'variables or wildcards, run one, as in ["bash", "-lc", "ls *.py | wc -l"].',
            },
            "workdir": {"type": "string", "description": "The directory to run it in."},
            "timeout_ms": _MILLISECONDS,
        },
        "required": ["command"],
    },
)
SHELL = Tool(
    "shell",
    "Runs commands in a shell on the user's machine and gives the output and the exit code of each.",
    {
        "type": "object",
        "properties": {
            "commands": {**_STRINGS, "description": "Command lines, run one after the other."},
            "timeout_ms": _MILLISECONDS,
            "max_output_length": {
                "type": "integer",
                "description": "Characters of output wanted at most, for commands that write much.",
            },
        },
        "required": ["commands"],
    },
)
APPLY_PATCH = Tool(
    "apply_patch",
    "Creates, changes or deletes one file in the user's workspace.",
    {
        "type": "object",
        "properties": {
            "type": {"type": "string", "enum": ["create_file", "update_file", "delete_file"]},
            "path": {"type": "string", "description": "The file, relative to the root of the workspace."},
            "diff": {
                "type": "string",
                "description": "Not for delete_file. Lines of which the first character is a space for what stays, "
                "'-' for what goes and '+' for what comes; for create_file all lines begin with '+'. Around every "
                "change, keep some lines that stay, exactly as they are in the file. A line '@@' stands between "
                "changes that are apart, and may name the class or function that the next one is in, as in "
                "'@@ def main():'. No line numbers, no names of files.",
            },
        },
        "required": ["type", "path"],
    },
)


def client_tool(kind: ClientToolType) -> Tool:
    match kind:
        case "local_shell":
            return LOCAL_SHELL
        case "shell":
            return SHELL
        case "apply_patch":
            return APPLY_PATCH
        case _:
            assert_never(kind)


# --- arguments of the model -> what an item holds ---------------------------------------------------------


def to_local_shell_action(arguments: JsonObject) -> JsonObject:
    """`action` of a `local_shell_call`."""
    command = arguments.get("command")
    return {
        "type": "exec",
        "command": ["bash", "-lc", command] if isinstance(command, str) else _texts(command),
        "env": _texts_by_name(arguments.get("env")),
        "timeout_ms": _whole(arguments.get("timeout_ms")),
        "user": _text_or_none(arguments.get("user")),
        "working_directory": _text_or_none(arguments.get("workdir")),
    }


def to_shell_action(arguments: JsonObject) -> JsonObject:
    """`action` of a `shell_call`."""
    return {
        "commands": _texts(arguments.get("commands")),
        "timeout_ms": _whole(arguments.get("timeout_ms")),
        "max_output_length": _whole(arguments.get("max_output_length")),
    }


def to_patch_operation(arguments: JsonObject) -> JsonObject:
    """`operation` of an `apply_patch_call`."""
    path, diff = _text(arguments.get("path")), _text(arguments.get("diff"))
    match arguments.get("type"):
        case "delete_file":
            return {"type": "delete_file", "path": path}
        case "create_file":
            return {"type": "create_file", "path": path, "diff": diff}
        case _:
            return {"type": "update_file", "path": path, "diff": diff}


# --- what an item holds -> arguments of the model ---------------------------------------------------------


def of_local_shell_action(action: LocalShellAction) -> JsonObject:
    env: JsonObject = {**(action.env or {})}
    return _stated(
        command=[*action.command],
        workdir=action.working_directory,
        timeout_ms=action.timeout_ms,
        env=env or None,
        user=action.user,
    )


def of_shell_action(action: ShellAction) -> JsonObject:
    return _stated(
        commands=[*action.commands],
        timeout_ms=action.timeout_ms,
        max_output_length=action.max_output_length,
    )


def of_patch_operation(operation: PatchOperation) -> JsonObject:
    return _stated(type=operation.type, path=operation.path, diff=operation.diff)


def of_shell_output(output: ShellCallOutput) -> str:
    """What the model is told came of its commands."""
    return output.output if isinstance(output.output, str) else _as_result("output", output.output)


def of_patch_output(output: ApplyPatchCallOutput) -> str:
    """What the model is told came of its patch."""
    if output.status == "failed":
        return _as_result("error", output.output or "The patch could not be applied.")
    return _as_result("output", output.output or "Done.")


def _stated(**fields: Json) -> JsonObject:
    return {name: value for name, value in fields.items() if value is not None}


def _as_result(key: str, value: Json) -> str:
    return to_json({key: value}, inf_nan_mode="null").decode()


def _text(value: Json) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case _:
            return to_json(value, inf_nan_mode="null").decode()


def _text_or_none(value: Json) -> str | None:
    return _text(value) or None


def _texts(value: Json) -> list[Json]:
    match value:
        case None:
            return []
        case list():
            return [_text(item) for item in value]
        case _:
            return [_text(value)]


def _texts_by_name(value: Json) -> JsonObject:
    return {name: _text(text) for name, text in value.items()} if isinstance(value, dict) else {}


def _whole(value: Json) -> int | None:
    match value:
        case bool():
            return None
        case int():
            return value
        case float() if value.is_integer():
            return int(value)
        case _:
            return None
