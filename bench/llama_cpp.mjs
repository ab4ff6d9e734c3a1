// Answers requests with llama.cpp, one sequence for each, decoded together. Run by llama_cpp.py.
//
//     node llama_cpp.mjs MODEL.gguf SEQUENCES THREADS
//
// Each line of standard input is {"requests": [{"messages": […], "max_tokens": N, "stop": […]}], "keep": bool}; for each,
// one line is written: {"seconds", "prompt", "reused", "generated"}. With "keep", a sequence reuses what its last prompt has in
// common with the new one, the system prompt at most, as a server with prompt caching does after another change.
import {createInterface} from "node:readline";
import {getLlama, LlamaLogLevel} from "node-llama-cpp";

const [path, sequences, threads] = process.argv.slice(2);
const llama = await getLlama({gpu: false, build: "never", maxThreads: Number(threads), logLevel: LlamaLogLevel.error});
const model = await llama.loadModel({modelPath: path});
const context = await model.createContext({
    sequences: Number(sequences), contextSize: 2048, batchSize: 2048, threads: Number(threads)
});
const slots = Array.from({length: Number(sequences)}, () => context.getSequence());
console.log(JSON.stringify({ready: true}));

function written(messages) {
    const turns = messages.map(({role, content}) => `<|im_start|>${role}\n${content}<|im_end|>\n`);
    return [turns[0], turns.slice(1).join("") + "<|im_start|>assistant\n"];
}

async function answer(slot, {messages, max_tokens: most, stop}, keep) {
    const [system, rest] = written(messages);
    const tokens = model.tokenize(system + rest, true);
    let reused = 0;
    if (keep) {
        const same = slot.compareContextTokens(tokens).firstDifferentIndex;
        reused = Math.min(same, model.tokenize(system, true).length);
        await slot.eraseContextTokenRanges([{start: reused, end: slot.nextTokenIndex}]);
    } else {
        await slot.clearHistory();
    }
    let generated = 0;
    for await (const token of slot.evaluate(tokens.slice(reused), {temperature: 0})) {
        generated += 1;
        const text = model.detokenize([token]);  // a stop is one character, so that it is in one token
        if (generated >= most || stop.some((end) => text.includes(end))) break;
    }
    return {prompt: tokens.length, reused, generated};
}

for await (const line of createInterface({input: process.stdin})) {
    const {requests, keep} = JSON.parse(line);
    const began = performance.now();
    const done = await Promise.all(requests.map((one, at) => answer(slots[at], one, keep)));
    const sum = (name) => done.reduce((total, one) => total + one[name], 0);
    const seconds = (performance.now() - began) / 1000;
    console.log(JSON.stringify({seconds, prompt: sum("prompt"), reused: sum("reused"), generated: sum("generated")}));
}
process.exit(0);
