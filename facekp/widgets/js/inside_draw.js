// The drawings of "Look inside a network".

import { inferno, painted } from "./pixels.js";
import { MARKS, PREDICTED, TRUTH, mark } from "./ui.js";

const BLUE = [0, 114, 178], WHITE = [245, 245, 245], ORANGE = [213, 94, 0];

/** Blue below 0, white at 0, orange above; `value` from -1 to 1. */
function diverging(value) {
  const end = value < 0 ? BLUE : ORANGE, part = Math.min(Math.abs(value), 1);
  return WHITE.map((c, i) => c + part * (end[i] - c));
}

/** The values of one channel; of a stage with one position only, all its units. */
const valuesOf = ({ h, w, data }, channel) => (h * w > 1 ? data.subarray(channel * h * w, (channel + 1) * h * w) : data);

/** The largest absolute value. */
const greatest = (values) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-9);

/** A stage's channel: maps from black to yellow at 1, all others around 0, where `scale` has the full colour. */
function channelImage(value, channel, scale, isMap) {
  const values = valuesOf(value, channel), side = Math.ceil(Math.sqrt(values.length));
  const [w, h] = value.h * value.w > 1 ? [value.w, value.h] : [side, Math.ceil(values.length / side)];
  const colour = (v) => (isMap ? inferno(v) : diverging(v / scale));
  return painted(w, h, (i) => (i < values.length ? colour(values[i]) : [128, 128, 128, 0]));
}

/** The tile of stage i. Skip, what comes from below and their sum share one scale: equal colours, equal values. */
export function stageImage(inside, i) {
  const { stack, level, role } = inside.stage(i), together = ["skip", "up", "sum"];
  const same = (j) => j === i || (together.includes(role) && together.includes(inside.stage(j).role)
    && inside.stage(j).stack === stack && inside.stage(j).level === level);
  const scales = inside.stages.filter((j) => inside.values[j] && same(j))
    .map((j) => greatest(valuesOf(inside.values[j], inside.shown(j))));
  return channelImage(inside.values[i], inside.shown(i), Math.max(...scales), role === "maps");
}

/** All channels of the selected stage on one canvas, the chosen one in a frame; how many stand side by side. */
export function drawMosaic(canvas, inside) {
  const { value, selected } = inside, across = Math.ceil(Math.sqrt(value.c)), cell = 48, pad = 3, context = canvas.getContext("2d");
  canvas.width = across * (cell + pad) + pad;
  canvas.height = Math.ceil(value.c / across) * (cell + pad) + pad;
  context.imageSmoothingEnabled = false;
  context.fillStyle = PREDICTED;
  for (let c = 0; c < value.c; c++) {
    const x = pad + (c % across) * (cell + pad), y = pad + Math.floor(c / across) * (cell + pad);
    if (c === inside.shown(selected)) context.fillRect(x - pad, y - pad, cell + 2 * pad, cell + 2 * pad);
    const image = channelImage(value, c, greatest(valuesOf(value, c)), inside.stage(selected).role === "maps");
    context.drawImage(image, x, y, cell, cell);
  }
  return across;
}

/** The selected stage, enlarged, with the chosen cell in a frame. */
export function drawMap(canvas, inside) {
  const context = canvas.getContext("2d"), { value } = inside;
  Object.assign(context, { fillStyle: "#808080", imageSmoothingEnabled: false });
  context.fillRect(0, 0, canvas.width, canvas.height);
  if (!value) return;
  context.drawImage(stageImage(inside, inside.selected), 0, 0, canvas.width, canvas.height);
  if (value.h * value.w === 1) return;
  const { x, y } = inside.cell();
  outline(context, x / value.w, y / value.h, 1 / value.w, 1 / value.h);
}

/** The face, what the chosen cell sees of it (or the gradient, where given), the true points and those found. */
export function drawFace(canvas, inside, field, gradient, found) {
  const context = canvas.getContext("2d"), { size } = inside, scale = canvas.width / size;
  const whole = (image) => context.drawImage(image, 0, 0, canvas.width, canvas.width);
  context.imageSmoothingEnabled = false;
  whole(painted(size, size, (i) => Array(3).fill(inside.grey[i])));
  if (gradient) {
    const most = greatest(gradient);
    whole(painted(size, size, (i) => [...inferno(Math.sqrt(gradient[i] / most)), 235]));
  }
  if (field) {
    const [x, y, w, h] = [field.left, field.top, field.right - field.left + 1, field.bottom - field.top + 1].map((v) => v / size);
    if (!gradient) shade(context, x, y, Math.max(w, 0), Math.max(h, 0));
    if (w > 0 && h > 0) outline(context, x, y, w, h);
  }
  for (const [points, path, colour] of [[inside.faceTruth, MARKS[2], TRUTH], [found, MARKS[5], PREDICTED]])
    points.forEach(([x, y], k) => mark(context, path, (x + 0.5) * scale, (y + 0.5) * scale, k === inside.keypoint ? 1.5 : 0.8, colour));
}

/** Darken all but a rectangle, given in fractions of the canvas. */
function shade(context, x, y, w, h) {
  const side = context.canvas.width, outside = new Path2D();
  outside.rect(0, 0, side, side);
  outside.rect(x * side, y * side, w * side, h * side);
  context.fillStyle = "rgba(0, 0, 0, .62)";
  context.fill(outside, "evenodd");
}

/** Frame a rectangle, given in fractions of the canvas, so that it can be seen on anything. */
function outline(context, x, y, w, h) {
  const side = context.canvas.width;
  for (const [lineWidth, strokeStyle] of [[6, "#000000"], [2.5, "#ffffff"]]) {
    Object.assign(context, { lineWidth, strokeStyle });
    context.strokeRect(x * side, y * side, w * side, h * side);
  }
}
