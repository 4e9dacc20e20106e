// Running a graph layer by layer, and asking it questions: the points, a gradient, a receptive field.

import { localMean, toImage } from "./heatmaps.js";
import { LAYERS, plus, tensor } from "./layers.js";

/** The grey bytes of one image as the network takes them: (1, size, size), about -2 to 2. */
export function imageTensor(bytes) {
  const size = Math.sqrt(bytes.length);
  return tensor(1, size, size, Float32Array.from(bytes, (v) => (v / 255 - 0.5) / 0.25));
}

/**
 * Compute what is missing in `values` (one tensor for each node), and yield the position of each node that is shown.
 * What comes out of the nodes in `cut` counts as zeros.
 */
export function* compute(graph, image, values, cut = new Set()) {
  for (const [i, node] of graph.nodes.entries()) {
    if (values[i]) continue;
    values[i] = LAYERS[node.op].run(node.from.map((f) => (f < 0 ? image : values[f])), node);
    if (cut.has(i)) values[i] = tensor(values[i].c, values[i].h, values[i].w);
    if (node.stage) yield i;
  }
}

/** Forget what depends on node `i`, itself included. */
export function forget(graph, values, i) {
  values[i] = null;
  for (let j = i + 1; j < graph.nodes.length; j++)
    if (graph.nodes[j].from.some((f) => f >= 0 && !values[f])) values[j] = null;
}

/** The gradient of one value, position `index` of node `i`, with respect to the image: (size * size). */
export function gradientOf(graph, image, values, i, index, cut = new Set()) {
  const gradients = [], start = tensor(values[i].c, values[i].h, values[i].w);
  start.data[index] = 1;
  gradients[i] = start;
  let atImage = new Float32Array(image.data.length);
  for (let j = i; j >= 0; j--) {
    if (!gradients[j] || cut.has(j)) continue;
    const node = graph.nodes[j], inputs = node.from.map((f) => (f < 0 ? image : values[f]));
    LAYERS[node.op].back(gradients[j], node, inputs, values[j]).forEach((g, n) => {
      const f = node.from[n];
      if (f < 0) atImage = atImage.map((v, p) => v + g.data[p]);
      else gradients[f] = gradients[f] ? plus(gradients[f], g) : g;
    });
    gradients[j] = null;
  }
  return atImage;
}

/**
 * The receptive field of a position (x, y) of node `i`, by the shapes of the layers alone: the image pixels
 * { left, right, top, bottom }, both ends included, that can reach it. Beyond the border of a level there is nothing.
 */
export function receptiveField(graph, image, values, i, x, y, cut = new Set()) {
  const along = (place, axis) => {
    const ranges = [];
    let seen = null;
    ranges[i] = [place, place];
    for (let j = i; j >= 0; j--) {
      if (!ranges[j] || cut.has(j)) continue;
      for (const f of graph.nodes[j].from) {
        const last = (f < 0 ? image : values[f])[axis] - 1, [lo, hi] = LAYERS[graph.nodes[j].op].sees(ranges[j], graph.nodes[j]);
        const range = [Math.max(lo, 0), Math.min(hi, last)], before = f < 0 ? seen : ranges[f];
        const both = before ? [Math.min(before[0], range[0]), Math.max(before[1], range[1])] : range;
        if (f < 0) seen = both;
        else ranges[f] = both;
      }
    }
    return seen ?? [0, -1];
  };
  const [left, right] = along(x, "w"), [top, bottom] = along(y, "h");
  return { left, right, top, bottom };
}

/** Points [x, y] in image pixels from the output of a graph, as facekp's heads decode it. */
export function decode({ head }, { c, h, w, data }, size) {
  if (head.kind === "coordinate")
    return Array.from({ length: c / 2 }, (_, k) => [2 * k, 2 * k + 1].map((i) => (data[i] + 1) * (size / 2) - 0.5));
  return Array.from({ length: c }, (_, k) => {
    const map = { w, h, values: data.subarray(k * h * w, (k + 1) * h * w) };
    return localMean(map, Math.max(1, Math.round(2 * head.sigma))).map((p) => toImage(p, head.stride));
  });
}
