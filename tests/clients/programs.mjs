// Small programs on clients of Node: `node programs.mjs NAME BASE_URL` prints what came as one line of JSON.
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, Output, stepCountIs, streamText, tool } from "ai";
import OpenAI from "openai";
import { z } from "zod";

const [name, baseURL] = process.argv.slice(2);
const apiKey = "sk-anything";
const model = "gemini-3.8-flash";
globalThis.AI_SDK_LOG_WARNINGS = false;

const aiTools = {
  get_weather: tool({
    description: "The weather of a city.",
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => `sunny in ${city}`,
  }),
};
const weather = {
  name: "get_weather",
  description: "The weather of a city.",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};

async function aiSdk(languageModel, { structured = true } = {}) {
  const asked = { model: languageModel, tools: aiTools, stopWhen: stepCountIs(4), maxRetries: 0 };
  const whole = await generateText({ ...asked, prompt: "get_weather twice: Paris and Rome" });
  const stream = streamText({ ...asked, prompt: "get_weather: Paris" });
  let streamed = "";
  for await (const piece of stream.textStream) streamed += piece;
  const output = Output.object({ schema: z.object({ name: z.string(), population: z.number() }) });
  const typed = structured ? (await generateText({ model: languageModel, output, prompt: "Paris" })).output : null;
  return {
    whole: whole.text,
    steps: whole.steps.length,
    calls: whole.steps[0].toolCalls.length,
    streamed,
    finish: await stream.finishReason,
    typed,
  };
}

const client = () => new OpenAI({ apiKey, baseURL, maxRetries: 0 });

const programs = {
  "ai-sdk responses": () => aiSdk(createOpenAI({ apiKey, baseURL })(model)),
  "ai-sdk chat": () => aiSdk(createOpenAI({ apiKey, baseURL }).chat(model)),
  "ai-sdk compatible": () =>
    aiSdk(createOpenAICompatible({ apiKey, baseURL, name: "gateway", supportsStructuredOutputs: true })(model)),
  "openai responses": async () => {
    const tools = [{ type: "function", strict: false, ...weather }];
    const reasoning = { summary: "auto" };
    const input = "get_weather twice: Paris and Rome";
    const stream = client().responses.stream({ model, input, reasoning, tools });
    const first = await stream.finalResponse();
    const calls = first.output.filter((item) => item.type === "function_call");
    const results = calls.map(({ call_id }) => ({ type: "function_call_output", call_id, output: "sunny in both" }));
    const last = await client().responses.create({ model, previous_response_id: first.id, input: results, tools });
    return { kinds: first.output.map((item) => item.type), calls: calls.length, text: last.output_text };
  },
  "openai chat": async () => {
    const run = client().chat.completions.runTools({
      model,
      stream: true,
      messages: [{ role: "user", content: "get_weather twice: Paris and Rome" }],
      tools: [
        {
          type: "function",
          function: { ...weather, parse: JSON.parse, function: ({ city }) => `sunny in ${city}` },
        },
      ],
    });
    return { text: await run.finalContent() };
  },
};

console.log(JSON.stringify(await programs[name]()));
