// OpenAI's SDK for Node and its client of Azure: answers, streams, tools and typed answers by zod, stored things. BASE_URL MODEL
import assert from "node:assert";
import OpenAI, { AzureOpenAI, toFile } from "openai";
import { zodFunction, zodResponseFormat, zodResponsesFunction, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

const [baseURL, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "any", maxRetries: 0 });
const messages = [{ role: "user", content: "My name is Ann and I am 30 years old." }];
const short = { model, messages, max_tokens: 8, temperature: 0, seed: 1 }; // a seed: the prompt is not read from the cache
const long = { model, temperature: 0 };
const Person = z.object({ name: z.string().max(20), age: z.number().int().min(0).max(150), nick: z.string().max(9).nullable() });
const Item = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("count"), n: z.number().int() }),
  z.object({ kind: z.literal("place"), place: z.enum(["Paris", "Rome"]) }),
]);

const whole = await client.chat.completions.create({ ...short, store: true });
assert.strictEqual(whole.service_tier, "default");
assert.deepStrictEqual(whole.choices[0].message.annotations, []);
assert.strictEqual(whole.usage.completion_tokens_details.reasoning_tokens, 0);
assert.deepStrictEqual((await client.chat.completions.retrieve(whole.id)).usage, whole.usage);
const stream = client.chat.completions.stream({ ...short, stream_options: { include_usage: true } });
assert.strictEqual((await stream.finalChatCompletion()).choices[0].message.content, whole.choices[0].message.content);
assert.deepStrictEqual(await stream.totalUsage(), whole.usage);

const person = { ...long, messages, max_tokens: 120, response_format: zodResponseFormat(Person, "person") };
const parsed = (await client.chat.completions.parse(person)).choices[0].message.parsed;
assert.strictEqual(typeof parsed.age, "number");
const asked = { ...long, messages, max_tokens: 150 };
const choice = { type: "function", function: { name: "save" } };
const save = zodFunction({ name: "save", parameters: z.object({ item: Item }) });
const limits = { tool_choice: choice, parallel_tool_calls: false };
const [call] = (await client.chat.completions.parse({ ...asked, ...limits, tools: [save] })).choices[0].message.tool_calls;
assert(["count", "place"].includes(call.function.parsed_arguments.item.kind));

const input = { ...long, input: messages, max_output_tokens: 120 };
const typed = await client.responses.parse({ ...input, text: { format: zodTextFormat(Person, "person") } });
assert.deepStrictEqual(typed.output_parsed, parsed);
const tools = [zodResponsesFunction({ name: "save", parameters: z.object({ item: Item }) })];
const called = await client.responses.parse({ ...input, tools, tool_choice: "required", parallel_tool_calls: false });
const outputs = called.output.filter((item) => item.type === "function_call");
assert(outputs.length, JSON.stringify(called.output));
const results = outputs.map((item) => ({ type: "function_call_output", call_id: item.call_id, output: "saved" }));
const next = { model, input: results, previous_response_id: called.id, max_output_tokens: 8 };
const events = [];
for await (const event of await client.responses.create({ ...next, stream: true })) events.push(event.type);
assert.strictEqual(events[0], "response.created");
assert(["response.completed", "response.incomplete"].includes(events.at(-1)), events.join());
const conversation = await client.conversations.create({ items: messages });
await client.responses.create({ model, input: "Go on", conversation: conversation.id, max_output_tokens: 8 });
const items = [];
for await (const item of client.conversations.items.list(conversation.id, { limit: 1 })) items.push(item.role);
assert.deepStrictEqual(items, ["assistant", "user", "user"]);

const { data } = await client.embeddings.create({ model: "text-embedding-3-small", input: ["a", "b"] });
assert.deepStrictEqual(data.map((each) => each.embedding.length), [256, 256]);
const file = await client.files.create({ file: await toFile(Buffer.from("text"), "a.txt"), purpose: "user_data" });
assert.strictEqual(await (await client.files.content(file.id)).text(), "text");
assert((await client.files.delete(file.id)).deleted);
await assert.rejects(client.files.retrieve(file.id), (error) => error instanceof OpenAI.NotFoundError && error.requestID.startsWith("req_"));

const endpoint = baseURL.replace("/v1", "");
for (const named of [{}, { deployment: model }]) {
  const azure = new AzureOpenAI({ endpoint, apiKey: "any", apiVersion: "2024-10-21", maxRetries: 0, ...named });
  const answer = await azure.chat.completions.create(short);
  assert.strictEqual(answer.choices[0].message.content, whole.choices[0].message.content);
  assert((await azure.responses.create({ model, input: "Hi", max_output_tokens: 8 })).output_text);
  assert((await azure.files.list()).data);
}
