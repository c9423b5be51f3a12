// Anthropic's SDK for Node: answers, streams, tools and their results, counts and errors. BASE_URL MODEL
import assert from "node:assert";
import Anthropic from "@anthropic-ai/sdk";

const [address, model] = process.argv.slice(2);
const client = new Anthropic({ baseURL: address.replace("/v1", ""), apiKey: "any", maxRetries: 0 });
const messages = [{ role: "user", content: "What is the capital of France?" }];
const asked = { model, max_tokens: 16, temperature: 0, system: "Be brief." };

const answer = await client.messages.create({ ...asked, messages });
assert.match(answer.content[0].text, /Paris/);
const counted = await client.messages.countTokens({ model, system: "Be brief.", messages });
assert.strictEqual(counted.input_tokens, answer.usage.input_tokens);
const stream = client.messages.stream({ ...asked, messages });
let text = "";
stream.on("text", (piece) => (text += piece));
const final = await stream.finalMessage();
assert.deepStrictEqual([text, final.usage], [answer.content[0].text, answer.usage]);

const place = { type: "object", properties: { place: { enum: ["Paris", "Rome"] } }, required: ["place"], additionalProperties: false };
const tools = [{ name: "weather", description: "The weather at a place", input_schema: place }];
const rain = { role: "user", content: "How is the weather in Paris?" };
const choice = { tools, tool_choice: { type: "tool", name: "weather", disable_parallel_tool_use: true } };
const called = await client.messages.create({ ...asked, max_tokens: 60, messages: [rain], ...choice });
assert.strictEqual(called.stop_reason, "tool_use");
const use = called.content.find((block) => block.type === "tool_use");
assert(["Paris", "Rome"].includes(use.input.place));
const streamed = await client.messages.stream({ ...asked, max_tokens: 60, messages: [rain], ...choice }).finalMessage();
assert.deepStrictEqual(streamed.content.find((block) => block.type === "tool_use").input, use.input);
const result = { role: "user", content: [{ type: "tool_result", tool_use_id: use.id, content: "sunny" }] };
const turns = [rain, { role: "assistant", content: called.content }, result];
assert((await client.messages.create({ ...asked, messages: turns, tools })).content.length);

await assert.rejects(
  client.messages.create({ ...asked, model: "none", messages }),
  (error) => error instanceof Anthropic.NotFoundError && error.error.error.type === "not_found_error" && error.requestID.startsWith("req_"),
);

const listed = [];
for await (const each of client.models.list({ limit: 1, lifecycle: ["active"] })) listed.push(each.id);
assert(listed.includes(model) && new Set(listed).size === listed.length);
