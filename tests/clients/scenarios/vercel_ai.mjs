// Vercel's `ai` with both of its providers: answers, streams, tools, typed answers and turns. BASE_URL MODEL
import assert from "node:assert";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embed, generateObject, generateText, stepCountIs, streamObject, streamText, tool } from "ai";
import { z } from "zod";

const [baseURL, name] = process.argv.slice(2);
const openai = createOpenAI({ baseURL, apiKey: "any" });
const compatible = createOpenAICompatible({ name: "ours", baseURL, apiKey: "any", supportsStructuredOutputs: true, includeUsage: true });
const asked = { maxRetries: 0, temperature: 0 };
const place = z.enum(["Paris", "Rome"]);
const weather = tool({ description: "Weather", inputSchema: z.object({ place }), execute: async ({ place }) => `sunny in ${place}` });
const schema = z.object({ kind: z.enum(["billing", "technical"]), urgent: z.boolean() });

for (const model of [openai(name), openai.chat(name), compatible(name)]) {
  const short = { model, maxOutputTokens: 8, ...asked };
  const long = { model, maxOutputTokens: 120, ...asked };
  const answer = await generateText({ ...short, prompt: "Hello" });
  assert(answer.text && answer.usage.outputTokens === 8, JSON.stringify(answer.usage));
  const stream = streamText({ ...short, system: "Be brief.", prompt: "Tell a story." });
  let pieces = 0;
  for await (const piece of stream.textStream) pieces += piece.length > 0;
  assert(pieces > 1 && (await stream.usage).outputTokens === 8, `${pieces} ${JSON.stringify(await stream.usage)}`);

  const tools = { tools: { weather }, toolChoice: "required", prompt: "What is the weather in Paris?" };
  const called = await generateText({ ...long, ...tools, stopWhen: stepCountIs(2) });
  assert.match(called.steps[0].toolResults[0].output, /^sunny in /);
  assert.strictEqual(called.steps.length, 2); // the result went back to the model
  const parts = [];
  for await (const part of streamText({ ...long, ...tools }).fullStream) parts.push(part.type);
  assert(parts.includes("tool-input-delta") && parts.includes("tool-result") && !parts.includes("error"), parts.join());

  const question = { ...long, schema, prompt: "My invoice is wrong." };
  assert(["billing", "technical"].includes((await generateObject(question)).object.kind));
  const objects = streamObject(question);
  for await (const part of objects.partialObjectStream) assert(part);
  assert.strictEqual(typeof (await objects.object).urgent, "boolean");

  const messages = [{ role: "user", content: "Hi" }];
  messages.push(...(await generateText({ ...short, messages })).response.messages, { role: "user", content: "Go on" });
  assert((await generateText({ ...short, messages })).text);
}
const first = await generateText({ model: openai(name), prompt: "Hi", maxOutputTokens: 8, ...asked });
const previousResponseId = first.providerMetadata.openai.responseId;
const next = { model: openai(name), prompt: "Go on", maxOutputTokens: 8, ...asked };
assert((await generateText({ ...next, providerOptions: { openai: { previousResponseId } } })).text);
assert((await generateText({ ...next, providerOptions: { openai: { store: false } } })).text);
const vector = await embed({ model: openai.textEmbeddingModel("text-embedding-3-small"), value: "a" });
assert.strictEqual(vector.embedding.length, 256);
