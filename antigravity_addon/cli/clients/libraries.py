"""Libraries that programs are written with."""

from .client import Block, Client, Language, Trial, Tried

_RETRIES = (
    "It repeats a request by itself after 408, 409, 429 and 5xx, and waits as Retry-After-Ms says. The gateway has tried every "
    "account that may serve by then, and waited: no retries avoid doing both."
)

OPENAI_PYTHON = Client(
    "openai-python",
    "OpenAI SDK for Python",
    "chat.completions, responses, conversations and completions",
    (
        Block(
            "In a program",
            Language.PYTHON,
            """\
import os

import openai

client = openai.OpenAI(
    base_url="@URL@",
    api_key=@PYTHON_KEY@,
)

stream = client.chat.completions.create(
    model="@MODEL@",
    messages=[{"role": "user", "content": "Hello, who are you?"}],
    stream=True,
)
for chunk in stream:
    print(chunk.choices[0].delta.content or "", end="")
""",
        ),
        Block(
            "To see which model served and which account paid, from the raw response",
            Language.PYTHON,
            """\
import os

import openai

client = openai.OpenAI(
    base_url="@URL@",
    api_key=@PYTHON_KEY@,
)

raw = client.chat.completions.with_raw_response.create(
    model="@MODEL@", messages=[{"role": "user", "content": "Hello"}]
)
print(raw.headers["x-mapped-model"], raw.headers["x-account-email"])
print(raw.parse().choices[0].message.content)
""",
        ),
    ),
    Tried(Trial.TESTS, "openai 3.57"),
    (f"{_RETRIES} Here: max_retries=0.",),
)

OPENAI_NODE = Client(
    "openai-node",
    "OpenAI SDK for Node",
    "chat.completions, responses, conversations and completions",
    (
        Block(
            "In a program, an ES module",
            Language.JAVASCRIPT,
            """\
import OpenAI from "openai";

const client = new OpenAI({ baseURL: "@URL@", apiKey: @NODE_KEY@ });
const completion = await client.chat.completions.create({
  model: "@MODEL@",
  messages: [{ role: "user", content: "Hello, who are you?" }],
});
console.log(completion.choices[0].message.content);
""",
        ),
    ),
    Tried(Trial.TESTS, "openai 7"),
    (f"{_RETRIES} Here: maxRetries: 0.",),
)

AI_SDK = Client(
    "ai-sdk",
    "AI SDK",
    "Vercel's, for Node",
    (
        Block(
            "In a program, an ES module",
            Language.JAVASCRIPT,
            """\
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText } from "ai";

const gateway = createOpenAICompatible({
  name: "gateway",
  baseURL: "@URL@",
  apiKey: @NODE_KEY@,
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const { text } = await generateText({ model: gateway("@MODEL@"), prompt: "Hello, who are you?" });
console.log(text);
""",
        ),
    ),
    Tried(Trial.TESTS, "ai 7 and @ai-sdk/openai-compatible 3"),
    (
        (
            "@ai-sdk/openai-compatible speaks Chat Completions and brings thought signatures back; @ai-sdk/openai calls "
            "/v1/responses unless it is told openai.chat(…). Both work."
        ),
        "It repeats a request twice by itself after 408, 409, 429 and 5xx; maxRetries: 0 leaves that to the gateway.",
    ),
)

LANGCHAIN = Client(
    "langchain",
    "LangChain",
    "ChatOpenAI of langchain-openai",
    (
        Block(
            "In a program",
            Language.PYTHON,
            """\
import os

from langchain_openai import ChatOpenAI

llm = ChatOpenAI(
    model="@MODEL@",
    base_url="@URL@",
    api_key=@PYTHON_KEY@,
)
print(llm.invoke("Hello, who are you?").content)
""",
        ),
    ),
    Tried(Trial.TESTS, "langchain-openai 1.7"),
    ("ChatOpenAI drops reasoning_content. With use_responses_api=True it has the reasoning.",),
)

LITELLM = Client(
    "litellm",
    "LiteLLM",
    "as a client; its proxy takes the same words",
    (
        Block(
            "In a program",
            Language.PYTHON,
            """\
import os

import litellm

answer = litellm.completion(
    model="openai/@MODEL@",
    api_base="@URL@",
    api_key=@PYTHON_KEY@,
    messages=[{"role": "user", "content": "Hello, who are you?"}],
)
print(answer.choices[0].message.content)
""",
        ),
    ),
    Tried(Trial.TESTS, "litellm 1.110"),
    ("The model's name has openai/ before it, which does not reach the gateway.",),
)

PYDANTIC_AI = Client(
    "pydantic-ai",
    "Pydantic AI",
    "agents with typed answers",
    (
        Block(
            "In a program",
            Language.PYTHON,
            """\
import os

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

provider = OpenAIProvider(
    base_url="@URL@",
    api_key=@PYTHON_KEY@,
)
agent = Agent(OpenAIChatModel("@MODEL@", provider=provider))
print(agent.run_sync("Hello, who are you?").output)
""",
        ),
    ),
    Tried(Trial.TESTS, "pydantic-ai 2.68"),
    ("OpenAIResponsesModel in the place of OpenAIChatModel calls /v1/responses.",),
)

AGENTS_SDK = Client(
    "agents-sdk",
    "Agents SDK",
    "OpenAI's, for Python",
    (
        Block(
            "In a program",
            Language.PYTHON,
            """\
import os

import agents
import openai

agents.set_tracing_disabled(True)
client = openai.AsyncOpenAI(
    base_url="@URL@",
    api_key=@PYTHON_KEY@,
)
model = agents.OpenAIResponsesModel(model="@MODEL@", openai_client=client)
agent = agents.Agent(name="Assistant", instructions="Answer in one sentence.", model=model)
print(agents.Runner.run_sync(agent, "Hello, who are you?").final_output)
""",
        ),
    ),
    Tried(Trial.TESTS, "openai-agents 0.24"),
    (
        "Tracing sends prompts and answers to OpenAI: set_tracing_disabled(True), or OPENAI_AGENTS_DISABLE_TRACING=1, keeps them here.",
        "OpenAIChatCompletionsModel calls /v1/chat/completions.",
    ),
)
