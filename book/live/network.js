"use strict";
// The network: ONNX Runtime Web, one thread, WebAssembly.

/** Bring the runtime into the page; `progress(bytes)` as for loadFile. */
async function startRuntime(progress) {
  const [wasm] = await Promise.all([loadFile(CARD.runtime, progress), loadScript(CARD.runtime.script)]);
  ort.env.wasm.numThreads = 1; // more need headers that a plain web server does not send
  ort.env.wasm.wasmBinary = wasm;
}

/** A network from its card. */
async function openNetwork(card, progress) {
  return ort.InferenceSession.create(await loadFile(card, progress), { executionProviders: ["wasm"] });
}

/** n faces of SIZE x SIZE bytes -> points (n, K, 2) in frame pixels, confidence (n, K), maps (n, K, h, w); all flat. */
function find(network, bytes) {
  return inTurn(() => run(network, bytes));
}

/** What `work` gives, once all that was asked before is done: a runtime has one stack. */
function inTurn(work) {
  const answer = last.then(work);
  last = answer.catch(() => {});
  return answer;
}

let last = Promise.resolve();

async function run(network, bytes) {
  const shape = [bytes.length / (SIZE * SIZE), SIZE, SIZE];
  const images = new ort.Tensor("uint8", bytes, shape);
  const { points, confidence, maps } = await network.run({ images });
  return { points: points.data, confidence: confidence.data,
    maps: maps.data, mapSize: maps.dims[2] };
}

/** The middle one of `count` times, in milliseconds, that one face takes: tensors in, points out. */
async function medianTime(network, bytes, count) {
  for (let i = 0; i < 3; i++) await find(network, bytes);
  const times = [];
  for (let i = 0; i < count; i++) {
    const began = performance.now();
    await find(network, bytes);
    times.push(performance.now() - began);
  }
  return times.sort((a, b) => a - b)[Math.floor(count / 2)];
}

const SURE = 0.5; // the mean confidence from which on there is taken to be a face
const mean = (numbers) => numbers.reduce((a, b) => a + b, 0) / numbers.length;

/** The frame of a face that the detector found, fitted twice to the points, or null where the network doubts it. */
async function frameOf(network, source, { x, y, side }, mirror) {
  const frame = await refit(network, source, await refit(network, source, { x, y, side, turn: 0, mirror }));
  const { confidence } = await find(network, crop(source, frame));
  return mean(confidence) > SURE ? frame : null;
}

/** The frame that fits the points which the network finds in `frame`. */
async function refit(network, source, frame) {
  return refitted(frame, await find(network, crop(source, frame)));
}

/** The frame that fits what the network has found in `frame`. */
function refitted(frame, { points, confidence }) {
  const there = [];
  for (let i = 0; i < points.length; i += 2) there.push(...toImage(frame, points[i], points[i + 1]));
  return fitted(there, CARD.mean_face, [...confidence], frame.mirror);
}
