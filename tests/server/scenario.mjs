// From upload to a streamed answer with the openai package for Node: node scenario.mjs BASE_URL MODEL FILE
import fs from "node:fs";
import OpenAI from "openai";

const [baseURL, model, path] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "any", maxRetries: 0 });

const file = await client.files.create({ file: fs.createReadStream(path), purpose: "fine-tune" });
let job = await client.fineTuning.jobs.create({
  model,
  training_file: file.id,
  suffix: "node",
  metadata: { from: "node" },
  method: { type: "supervised", supervised: { hyperparameters: { n_epochs: 1 } } },
});
while (!["succeeded", "failed", "cancelled"].includes(job.status)) {
  await new Promise((resolve) => setTimeout(resolve, 300));
  job = await client.fineTuning.jobs.retrieve(job.id);
}
const events = [];
for await (const event of client.fineTuning.jobs.listEvents(job.id, { limit: 2 })) events.push(event.message);
const messages = [{ role: "user", content: "Please add 1 and 2 for me." }];
const whole = await client.chat.completions.create({
  model: job.fine_tuned_model, messages, max_tokens: 6, temperature: 0, store: true,
});
let streamed = "";
const stream = await client.chat.completions.create({
  model: job.fine_tuned_model, messages, max_tokens: 6, temperature: 0, stream: true,
});
for await (const chunk of stream) streamed += chunk.choices[0]?.delta?.content ?? "";
const asked = { model: job.fine_tuned_model, input: messages, max_output_tokens: 6, temperature: 0 };
const responded = await client.responses.create(asked);
const final = await client.responses.stream(asked).finalResponse();
const chatted = await client.chat.completions.stream({
  model: job.fine_tuned_model, messages, max_tokens: 6, temperature: 0,
}).finalChatCompletion();
const sentBack = await client.chat.completions.create({
  model: job.fine_tuned_model, max_tokens: 1, messages: [...messages, chatted.choices[0].message, ...messages],
});
const inputSentBack = await client.responses.create({
  ...asked, max_output_tokens: 1, input: [...messages, ...final.output, ...messages],
});
const stored = await client.chat.completions.retrieve(whole.id);
let missing = null;
try {
  await client.models.retrieve("nothing");
} catch (error) {
  missing = { name: error.constructor.name, status: error.status, code: error.code, param: error.param };
}
const content = await (await client.files.content(job.result_files[0])).text();
console.log(JSON.stringify({
  status: job.status,
  model: job.fine_tuned_model,
  events: events.length,
  whole: whole.choices[0].message.content,
  streamed,
  responded: responded.output_text,
  streamedResponse: final.output_text,
  stored: stored.choices[0].message.content,
  sentBack: [sentBack.usage.prompt_tokens, inputSentBack.usage.input_tokens],
  helperKeys: [Object.keys(chatted.choices[0].message), Object.keys(final.output[0].content[0])],
  usage: whole.usage.completion_tokens,
  results: content.split("\n")[0],
  missing,
}));
