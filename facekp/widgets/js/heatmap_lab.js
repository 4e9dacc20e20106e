// Heatmap lab: one heatmap of one point; drag the point, change the map, and six decoders move.

import { DECODERS, gaussian, toHeatmap, toImage } from "./heatmaps.js";
import { inferno, painted } from "./pixels.js";
import { normals } from "./random.js";
import { MARKS, SERIES, TRUTH, announcer, button, canvas, draggable, make, mark, menu, onFrame, slider, swatch, table } from "./ui.js";

const SIZE = 96, VIEW = 480; // pixels of the image, and of a canvas
const START = { x: 40.3, y: 52.6, sigma: 1.5, stride: 4, noise: 0, background: 0.003 };

const NOISE = normals(1, SIZE * SIZE); // the same in every visit: only the controls move the decoders

/** The map of a scene {x, y, sigma, stride, noise, background}; x and y are image pixels. */
export function sceneMap({ x, y, sigma, stride, noise, background }) {
  const side = SIZE / stride, map = gaussian(toHeatmap(x, stride), toHeatmap(y, stride), side, side, sigma);
  return { ...map, values: map.values.map((v, i) => v + background + noise * NOISE[i]) };
}

/** What each decoder finds in a scene: {name, x, y, error}, in image pixels. */
export function decoded(scene, map) {
  return Object.entries(DECODERS).map(([name, decode]) => {
    const [x, y] = decode(map, scene.sigma).map((p) => toImage(p, scene.stride));
    return { name, x, y, error: Math.hypot(x - scene.x, y - scene.y) };
  });
}

/** Draw the square of the image between `from` and `from + side` pixels (edges), with the truth and the answers. */
function draw(context, scene, map, answers, [left, top], side, size) {
  const scale = VIEW / side, place = (x, y) => [(x + 0.5 - left) * scale, (y + 0.5 - top) * scale];
  const image = painted(map.w, map.h, (i) => inferno(map.values[i]));
  context.imageSmoothingEnabled = false;
  context.fillStyle = "#808080";
  context.fillRect(0, 0, VIEW, VIEW);
  context.drawImage(image, -left * scale, -top * scale, SIZE * scale, SIZE * scale);
  const [x, y] = place(scene.x, scene.y);
  Object.assign(context, { strokeStyle: TRUTH, lineWidth: 3 });
  context.beginPath();
  for (const [a, b, c, d] of [[x, 0, x, VIEW], [0, y, VIEW, y]]) context.moveTo(a, b), context.lineTo(c, d);
  context.stroke();
  answers.forEach((answer, i) => mark(context, MARKS[i], ...place(answer.x, answer.y), size, SERIES[i]));
}

function render({ el }) {
  el.classList.add("fk");
  const scene = { ...START }, said = announcer();
  const whole = canvas(VIEW, "The whole heatmap. Drag, or press arrow keys, to move the true point; with Shift by a pixel.");
  const near = canvas(VIEW, "The surroundings of the true point, enlarged");
  const answersTable = table("Where each decoder finds the point, in image pixels", ["decoder", "x", "y", "error (px)"]);
  let corner = null, side = 0; // of the enlarged view, which stands still while it is dragged

  function show() {
    const map = sceneMap(scene), answers = decoded(scene, map);
    if (!corner || !near.held) {
      side = 2 * Math.min(Math.max(1.2 * scene.sigma * scene.stride, 1.5 * scene.stride), SIZE / 4);
      corner = [scene.x + 0.5 - side / 2, scene.y + 0.5 - side / 2];
    }
    draw(whole.getContext("2d"), scene, map, answers, [0, 0], SIZE, 1.3);
    const context = whole.getContext("2d");
    Object.assign(context, { strokeStyle: "#ffffff", lineWidth: 2 });
    context.strokeRect(...[...corner, side, side].map((v) => v * VIEW / SIZE));
    draw(near.getContext("2d"), scene, map, answers, corner, side, 1.6);
    answersTable.fill(answers.map(({ name, x, y, error }, i) =>
      [[swatch(MARKS[i], SERIES[i]), name.replace("_", " ")], x.toFixed(2), y.toFixed(2), error.toFixed(2)]));
    const best = answers.reduce((a, b) => (b.error < a.error ? b : a)), worst = answers.reduce((a, b) => (b.error > a.error ? b : a));
    said.say(`True point at ${scene.x.toFixed(1)}, ${scene.y.toFixed(1)}. Smallest error: ${best.name.replace("_", " ")}, `
      + `${best.error.toFixed(2)} pixels; largest: ${worst.name.replace("_", " ")}, ${worst.error.toFixed(2)}.`);
  }

  const changed = onFrame(show);
  const put = (x, y) => {
    const inside = (v) => Math.round(Math.min(Math.max(v, 0), SIZE - 1) * 10) / 10;
    Object.assign(scene, { x: inside(x), y: inside(y) });
    changed();
  };
  const step = (dx, dy) => put(scene.x + dx / 10, scene.y + dy / 10);
  draggable(whole, (u, v) => put(u * SIZE - 0.5, v * SIZE - 0.5), step);
  draggable(near, (u, v, phase) => {
    near.held = phase !== "up";
    put(corner[0] + u * side - 0.5, corner[1] + v * side - 0.5);
  }, step);

  const set = (name) => (value) => { scene[name] = +value; changed(); };
  const controls = {
    sigma: slider("sigma", { min: 0.5, max: 5, step: 0.1, value: scene.sigma, unit: "map px" }, set("sigma")),
    stride: menu("stride", [1, 2, 4, 8].map((s) => [s, `${s}: a map of ${SIZE / s} × ${SIZE / s}`]), scene.stride, set("stride")),
    noise: slider("noise", { min: 0, max: 0.3, step: 0.01, value: scene.noise }, set("noise")),
    background: slider("background", { min: 0, max: 0.02, step: 0.001, value: scene.background }, set("background")),
  };
  const reset = button("Reset", () => {
    Object.assign(scene, START);
    for (const [name, control] of Object.entries(controls)) control.value = START[name];
    changed();
  });
  const hint = make("p", { className: "fk-hint" }, "Drag the cross-hair, in either panel, to move the true point.");
  el.append(make("div", { className: "fk-pair" }, whole, near), hint,
    make("div", { className: "fk-columns" },
      make("div", {}, ...Object.values(controls).map((c) => c.element), reset), answersTable.element), said.element);
  show();
}

export default { render };
