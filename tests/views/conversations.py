"""Requests of every dialect, as clients send them and as they should not: name -> (path, body)."""

from pydantic import JsonValue
from pydantic_core import to_json

PIXEL = "iVBORw0KGgo" + "A" * 240
"""Base64 of what begins like a PNG."""
SIGNATURE = "EqwCCqkCAQw5" + "b" * 240

type Case = tuple[str, bytes]

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
RESPONSES = "/v1/responses"
GEMINI = "/v1beta/models/gemini-3.8-flash:streamGenerateContent?alt=sse"
CODE_ASSIST = "/v1internal:streamGenerateContent?alt=sse"

WRITE: JsonValue = {
    "type": "object",
    "properties": {"path": {"type": "string", "description": "Where to."}, "content": {"type": "string"}},
    "required": ["path", "content"],
}


def body(**fields: JsonValue) -> bytes:
    return to_json(fields)


CASES: dict[str, Case] = {
    "chat": (
        CHAT,
        body(
            model="gpt-6",
            stream=True,
            temperature=0.2,
            response_format={"type": "json_schema", "json_schema": {"name": "reply", "schema": WRITE}},
            messages=[
                {"role": "system", "content": "Be brief.\nAlways."},
                {
                    "role": "user",
                    "name": "ana",
                    "content": [
                        {"type": "text", "text": "What is this?", "cache_control": {"type": "ephemeral"}},
                        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
                        {"type": "image_url", "image_url": {"url": "https://a.example/b.png", "detail": "low"}},
                        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                        {"type": "file", "file": {"filename": "a.pdf", "file_data": "JVBERi0xLjc="}},
                    ],
                },
                {
                    "role": "assistant",
                    "content": None,
                    "reasoning_content": "It is a dot.\nI write it down.",
                    "tool_calls": [
                        {
                            "id": "call_1",
                            "type": "function",
                            "function": {
                                "name": "write",
                                "arguments": '{"path":"a.py","content":"x = 1\\ny = 2\\n"}',
                            },
                            "extra_content": {"google": {"thought_signature": SIGNATURE}},
                        },
                        {"id": "call_2", "type": "custom", "custom": {"name": "shell", "input": "ls\npwd"}},
                        {"id": "call_3", "type": "function", "function": {"name": "now", "arguments": "{"}},
                    ],
                },
                {"role": "tool", "tool_call_id": "call_1", "content": '{"ok": true, "lines": [1, {"a": "b"}]}'},
                {"role": "tool", "tool_call_id": "call_9", "content": [{"type": "text", "text": "Text."}]},
                {"role": "assistant", "refusal": "No."},
            ],
            tools=[
                {"type": "function", "function": {"name": "write", "description": "Writes.", "parameters": WRITE}},
                {"type": "custom", "custom": {"name": "shell", "description": "Runs."}},
                {"type": "web_search"},
            ],
        ),
    ),
    "chat of the old days": (
        CHAT,
        body(
            model="m",
            messages=[
                {"role": "assistant", "function_call": {"name": "now", "arguments": "{}"}},
                {"role": "function", "name": "now", "content": "noon"},
            ],
            functions=[{"name": "now"}],
        ),
    ),
    "chat with everything of a wrong type": (
        CHAT,
        body(
            model=5,
            messages=["hello", 7, {"role": ["user"], "content": 5}, {"content": {"type": "new", "data": PIXEL}}],
            tools="none",
        ),
    ),
    "chat that was cut off": (
        CHAT,
        b'{"model":"m","messages":[{"role":"user","content":"one"},{"role":"user","content":"tw',
    ),
    "chat with half an emoji": (CHAT, b'{"messages":[{"role":"user","content":"\\\\ud83d \\ud83d\\ude00 \\ud83d."}]}'),
    "chat in Latin-1": (CHAT, b'{"messages":[{"role":"user","content":"caf\xe9"}]}'),
    "no JSON": (CHAT, b"{'messages': []}\nis Python's."),
    "no object": (CHAT, b'"hello"'),
    "empty": (RESPONSES, b" "),
    "completions": (COMPLETIONS, body(model="m", prompt="def f(", suffix="return x", max_tokens=5)),
    "completions of several prompts": (COMPLETIONS, body(prompt=["one", "two", [1, 2]])),
    "completions in tokens": (COMPLETIONS, body(prompt=[1, 2, 3])),
    "responses": (
        RESPONSES,
        body(
            model="gpt-6",
            instructions="Be brief.",
            previous_response_id="resp_1",
            store=False,
            input=[
                {"role": "user", "content": "Hello."},
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "See:"}]},
                {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"},
                {
                    "type": "reasoning",
                    "id": "rs_1",
                    "summary": [{"type": "summary_text", "text": "**Look**\n\nIt is a dot."}],
                    "encrypted_content": SIGNATURE,
                },
                {
                    "type": "function_call",
                    "namespace": "files",
                    "name": "write",
                    "call_id": "call_1",
                    "arguments": '{"path":"a"}',
                },
                {"type": "function_call_output", "call_id": "call_1", "output": "written"},
                {"type": "local_shell_call", "call_id": "call_2", "action": {"command": ["ls", "-l"]}},
                {"type": "local_shell_call_output", "id": "call_2", "output": '{"output":"a\\nb"}'},
                {"type": "shell_call_output", "call_id": "call_3", "output": [{"stdout": "a\nb", "exit_code": 0}]},
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [
                        {
                            "type": "output_text",
                            "text": "It is a dot.",
                            "annotations": [
                                {
                                    "type": "url_citation",
                                    "start_index": 8,
                                    "end_index": 11,
                                    "url": "https://a.example",
                                    "title": "Dots",
                                }
                            ],
                        }
                    ],
                },
                {"type": "item_reference", "id": "msg_1"},
                {"type": "compaction", "encrypted_content": SIGNATURE},
                {"type": "mcp_list_tools", "server_label": "s", "tools": []},
                "Bye.",
            ],
            tools=[
                {"type": "function", "name": "write", "parameters": WRITE, "strict": True},
                {"type": "namespace", "name": "files", "tools": [{"type": "function", "name": "read"}]},
                {"type": "local_shell"},
            ],
        ),
    ),
    "responses of a text": (RESPONSES, body(model="m", input="Hello.", conversation={"id": "conv_1"})),
    "compact": (f"{RESPONSES}/compact", body(model="m", input="Hello.")),
    "images": ("/v1/images/generations", body(model="m", prompt="A dot.", n=2)),
    "gemini": (
        GEMINI,
        body(
            systemInstruction={"parts": [{"text": "Be brief."}]},
            contents=[
                {
                    "role": "user",
                    "parts": [
                        {"text": "See:"},
                        {"inlineData": {"mimeType": "image/png", "data": PIXEL}},
                        {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://a/b.mp4"}},
                    ],
                },
                {
                    "role": "model",
                    "parts": [
                        {"text": "Hm.", "thought": True},
                        {
                            "functionCall": {"name": "write", "args": {"path": "a", "content": "1\n2"}},
                            "thoughtSignature": SIGNATURE,
                        },
                    ],
                },
                {
                    "role": "user",
                    "parts": [{"functionResponse": {"name": "write", "response": {"output": "written"}}}],
                },
            ],
            tools=[
                {"functionDeclarations": [{"name": "write", "description": "Writes.", "parameters": WRITE}]},
                {"googleSearch": {}},
            ],
            generationConfig={"temperature": 0.2, "thinkingConfig": {"thinkingLevel": "HIGH"}},
        ),
    ),
    "gemini in Code Assist's envelope": (
        CODE_ASSIST,
        body(
            model="gemini-3.8-flash",
            project="p",
            request={"contents": [{"role": "user", "parts": [{"text": "Hello."}]}], "generationConfig": {"seed": 1}},
        ),
    ),
    "gemini with everything of a wrong type": (
        GEMINI,
        body(contents="Hello.", system_instruction="Be brief.", tools=[5], generation_config=[1]),
    ),
}  # fmt: skip
