"""The tools that run at the client: what the model writes, what the client reads, and back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from antigravity_addon.translate.openai_responses import client_tools
from antigravity_addon.wire.openai_responses.items import LocalShellAction, PatchOperation, ShellAction

type Fields = dict[str, Any]

LOCAL_SHELL: dict[str, tuple[Fields, Fields]] = {
    "C74 a command in a directory": (
        {"command": ["ls", "-l"], "workdir": "/w"},
        {"command": ["ls", "-l"], "working_directory": "/w"},
    ),
    "with all that there is": (
        {"command": ["ls"], "workdir": "/w", "timeout_ms": 5.0, "env": {"A": "b"}, "user": "u"},
        {"command": ["ls"], "working_directory": "/w", "timeout_ms": 5, "env": {"A": "b"}, "user": "u"},
    ),
    "a command line is for a shell": ({"command": "ls | wc"}, {"command": ["bash", "-lc", "ls | wc"]}),
    "words that are none": ({"command": ["sleep", 5, None]}, {"command": ["sleep", "5", ""]}),
    "nothing": ({}, {"command": []}),
    "nonsense": (
        {"command": {"a": 1}, "workdir": "", "timeout_ms": True, "env": ["A"]},
        {"command": ['{"a":1}']},
    ),
}
NO_ACTION: Fields = {
    "type": "exec",
    "env": {},
    "timeout_ms": None,
    "user": None,
    "working_directory": None,
}


@pytest.mark.parametrize(("arguments", "action"), LOCAL_SHELL.values(), ids=LOCAL_SHELL)
def test_local_shell_actions(arguments: Fields, action: Fields) -> None:
    assert client_tools.to_local_shell_action(arguments) == NO_ACTION | action


SHELL: dict[str, tuple[Fields, Fields]] = {
    "commands": (
        {"commands": ["ls", "pwd"], "timeout_ms": 5, "max_output_length": 6},
        {"commands": ["ls", "pwd"], "timeout_ms": 5, "max_output_length": 6},
    ),
    "one command": (
        {"commands": "ls", "timeout_ms": 0.5},
        {"commands": ["ls"], "timeout_ms": None, "max_output_length": None},
    ),
    "nothing": ({}, {"commands": [], "timeout_ms": None, "max_output_length": None}),
}


@pytest.mark.parametrize(("arguments", "action"), SHELL.values(), ids=SHELL)
def test_shell_actions(arguments: Fields, action: Fields) -> None:
    assert client_tools.to_shell_action(arguments) == action


PATCHES: dict[str, tuple[Fields, Fields]] = {
    "a new file": (
        {"type": "create_file", "path": "p", "diff": "+a"},
        {"type": "create_file", "path": "p", "diff": "+a"},
    ),
    "a change": (
        {"type": "update_file", "path": "p", "diff": " a\n-b\n+c"},
        {"type": "update_file", "path": "p", "diff": " a\n-b\n+c"},
    ),
    "a file less": ({"type": "delete_file", "path": "p", "diff": ""}, {"type": "delete_file", "path": "p"}),
    "an operation that is none": (
        {"type": "patch", "path": "p", "diff": "+a"},
        {"type": "update_file", "path": "p", "diff": "+a"},
    ),
    "nothing": ({}, {"type": "update_file", "path": "", "diff": ""}),
}


@pytest.mark.parametrize(("arguments", "operation"), PATCHES.values(), ids=PATCHES)
def test_patch_operations(arguments: Fields, operation: Fields) -> None:
    assert client_tools.to_patch_operation(arguments) == operation


COMMANDS = st.lists(st.text(max_size=5), max_size=3)
MILLISECONDS = st.integers(0, 2**40)


@given(
    st.fixed_dictionaries(
        {"command": COMMANDS},
        optional={
            "workdir": st.text(min_size=1, max_size=5),
            "timeout_ms": MILLISECONDS,
            "env": st.dictionaries(st.text(max_size=5), st.text(max_size=5), min_size=1, max_size=2),
            "user": st.text(min_size=1, max_size=5),
        },
    )
)
def test_what_the_model_wrote_for_a_local_shell_comes_back_to_it(arguments: Any) -> None:
    action = LocalShellAction.model_validate_json(to_json(client_tools.to_local_shell_action(arguments)))
    assert client_tools.of_local_shell_action(action) == arguments


@given(
    st.fixed_dictionaries(
        {"commands": COMMANDS}, optional={"timeout_ms": MILLISECONDS, "max_output_length": MILLISECONDS}
    )
)
def test_what_the_model_wrote_for_a_shell_comes_back_to_it(arguments: Any) -> None:
    action = ShellAction.model_validate_json(to_json(client_tools.to_shell_action(arguments)))
    assert client_tools.of_shell_action(action) == arguments


@given(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(("create_file", "update_file")),
            "path": st.text(max_size=5),
            "diff": st.text(max_size=5),
        }
    )
    | st.fixed_dictionaries({"type": st.just("delete_file"), "path": st.text(max_size=5)})
)
def test_what_the_model_wrote_for_a_patch_comes_back_to_it(arguments: Any) -> None:
    operation = PatchOperation.model_validate_json(to_json(client_tools.to_patch_operation(arguments)))
    assert client_tools.of_patch_operation(operation) == arguments
