// What "Look inside a network" knows: the network, the face, what is computed, what is cut. No element of the page.

import { bytes } from "./pixels.js";
import { buildGraph, readWeights } from "./graph.js";
import { compute, decode, forget, gradientOf, imageTensor, receptiveField } from "./run.js";

/** The roles of stages: a short name, and what the stage holds. */
export const ROLES = {
  in: ["in", "what enters this level"],
  skip: ["skip", "the skip connection, computed from what enters this level"],
  up: ["from below", "what the lower levels found, each cell repeated two by two"],
  sum: ["sum", "skip connection plus what comes from below"],
  bottleneck: ["bottleneck", "the innermost block"],
  features: ["features", "what the maps are computed from"],
  maps: ["maps", "one heatmap for each keypoint"],
  "feed-features": ["features fed back", "what the features add to the input of the next stack"],
  "feed-maps": ["maps fed back", "what the maps add to the input of the next stack"],
  conv: ["convolution", "after convolution and ReLU"],
  pool: ["max pooling", "the largest of two by two cells"],
  hidden: ["hidden units", "each unit sees every position"],
  coordinates: ["coordinates", "x and y of each keypoint"],
};

const CAN_CUT = ["skip", "up", "feed-features", "feed-maps"];
const OUTPUTS = ["maps", "coordinates"];

/** Root of the mean square over single coordinates, in pixels, of points [[x, y], ...]. */
export function rmse(points, truth) {
  const squares = points.flatMap(([x, y], k) => [(x - truth[k][0]) ** 2, (y - truth[k][1]) ** 2]);
  return Math.sqrt(squares.reduce((a, b) => a + b, 0) / squares.length);
}

/** How far from (x, y) one has to go for half of the sum of `values`, none below 0, on a square image: pixels. */
export function halfRadius(values, x, y) {
  const size = Math.sqrt(values.length), half = values.reduce((a, b) => a + b, 0) / 2;
  const near = Array.from(values, (v, i) => [Math.hypot(i % size - x, Math.floor(i / size) - y), v]).sort(([a], [b]) => a - b);
  let sum = 0;
  for (const [radius, v] of near) if ((sum += v) >= half) return radius;
  return 0;
}

export class Inside {
  /** networks: [{name, weights}], weights a .safetensors file in base64; faces: bytes in base64; truth: [face][k][x, y]. */
  constructor({ networks, faces, truth, size }) {
    Object.assign(this, { networks, truth, size, pixels: bytes(faces), graphs: [], cut: new Set() });
    Object.assign(this, { channel: 0, keypoint: 0, place: { u: 0.5, v: 0.5 } });
    this.choose(0, 0);
  }

  /** Another network or face: nothing is computed, nothing is cut, and the last stack's output is selected. */
  choose(network, face) {
    this.graph = this.graphs[network] ??= buildGraph(readWeights(bytes(this.networks[network].weights)));
    this.grey = this.pixels.subarray(face * this.size ** 2, (face + 1) * this.size ** 2);
    Object.assign(this, { network, face, image: imageTensor(this.grey), values: [], times: {}, trained: null });
    this.cut.clear();
    this.stages = [...this.graph.nodes.keys()].filter((i) => this.graph.nodes[i].stage);
    this.selected = this.graph.outputs.at(-1);
    this.channel = Math.min(this.channel, this.lastChannel());
  }

  stage(i) { return this.graph.nodes[i].stage; }
  isOutput(i) { return OUTPUTS.includes(this.stage(i).role); }
  canCut(i) { return CAN_CUT.includes(this.stage(i).role); }
  done() { return this.graph.outputs.every((o) => this.values[o]); }
  get value() { return this.values[this.selected]; }
  get faceTruth() { return this.truth[this.face]; }

  /** The highest channel that the stages have, outputs aside. */
  lastChannel() {
    const widths = this.graph.nodes.filter((n) => n.bias && !OUTPUTS.includes(n.stage?.role)).map((n) => n.bias.length);
    return Math.max(...widths) - 1;
  }

  /** Which channel of stage i is shown: a keypoint's where there is one for each. */
  shown(i) {
    if (this.stage(i).role === "maps") return this.keypoint;
    const { c } = this.values[i];
    return this.isOutput(i) ? 2 * this.keypoint : Math.min(this.channel, c - 1);
  }

  /** Compute on, one stage for each step; `times` adds up the milliseconds of each level. */
  * steps() {
    let began = performance.now();
    for (const i of compute(this.graph, this.image, this.values, this.cut)) {
      const { stack, level } = this.stage(i), key = `${stack}.${level}`;
      this.times[key] = (this.times[key] ?? 0) + performance.now() - began;
      yield i;
      began = performance.now();
    }
    this.trained ??= this.points(); // nothing is cut in the first run
  }

  /** Cut what comes out of the selected stage, or join it again. */
  toggle() {
    if (!this.cut.delete(this.selected)) this.cut.add(this.selected);
    forget(this.graph, this.values, this.selected);
    this.times = {};
  }

  /** The points that each stack finds. */
  points() { return this.graph.outputs.map((o) => decode(this.graph, this.values[o], this.size)); }

  /** The chosen cell of the selected stage: its position, and its index in the tensor. */
  cell() {
    const { h, w } = this.value, { u, v } = this.place;
    const x = Math.min(Math.floor(u * w), w - 1), y = Math.min(Math.floor(v * h), h - 1);
    return { x, y, index: (this.shown(this.selected) * h + y) * w + x };
  }

  /** The image pixels that the chosen cell sees, by the layers between. */
  field() {
    const { x, y } = this.cell();
    return receptiveField(this.graph, this.image, this.values, this.selected, x, y, this.cut);
  }

  /** The image position of the chosen cell; of a unit without a position that of the keypoint found, if it belongs to one. */
  centre() {
    const { x, y } = this.cell(), { h, w } = this.value;
    if (h * w > 1) return [(x + 0.5) * this.size / w - 0.5, (y + 0.5) * this.size / h - 0.5];
    return this.isOutput(this.selected) ? this.points().at(-1)[this.keypoint] : null;
  }

  /** How much each image pixel would change the chosen cell: absolute values of its gradient. */
  gradient() {
    return gradientOf(this.graph, this.image, this.values, this.selected, this.cell().index, this.cut).map(Math.abs);
  }
}
