// Augmentation playground: a face, and one augmented sample of it; the points move with the pixels.

import { aboutCentre, photometric, warpImage, warpPoints } from "./augment.js";
import { drawFace, drawSides, rmse, unpackedFaces } from "./faces.js";
import { normals, uniforms } from "./random.js";
import { MARKS, SERIES, announcer, button, canvas, draggable, make, menu, onFrame, slider, swatch } from "./ui.js";

const PLAIN = { rotation: 0, scale: 1, right: 0, down: 0, flip: "no", brightness: 0, contrast: 1, blur: 0, noise: 0 };
const FIRST = { ...PLAIN, rotation: 15, scale: 0.9 };
const FLIPS = [["no", "no flip"], ["swapped", "flipped, names swapped"], ["forgotten", "flipped, names not swapped"]];
const SLIDERS = { // name, limits; what an augmentation draws at random is listed in `randomView`
  rotation: ["rotation", { min: -60, max: 60, step: 1, unit: "°" }], scale: ["scale", { min: 0.5, max: 2, step: 0.01, unit: "×" }],
  right: ["shift right", { min: -30, max: 30, step: 0.5, unit: "px" }], down: ["shift down", { min: -30, max: 30, step: 0.5, unit: "px" }],
  brightness: ["brightness", { min: -0.5, max: 0.5, step: 0.01 }], contrast: ["contrast", { min: 0.3, max: 3, step: 0.01, unit: "×" }],
  blur: ["blur", { min: 0, max: 3, step: 0.1, unit: "px" }], noise: ["noise", { min: 0, max: 0.3, step: 0.01 }],
};

/** What an augmentation makes of a face: {image, points}; points that leave the image become NaN. */
export function viewed(image, points, view, swap, noise) {
  const { w, h } = image, matrix = aboutCentre(w, h, { ...view, flipped: view.flip !== "no" });
  const moved = warpPoints(points.map((v) => v ?? NaN), matrix), named = [];
  for (let k = 0; k < points.length / 2; k++) {
    const from = view.flip === "swapped" ? swap[k] : k, x = moved[2 * from], y = moved[2 * from + 1];
    named.push(...(x >= -0.5 && x <= w - 0.5 && y >= -0.5 && y <= h - 0.5 ? [x, y] : [NaN, NaN]));
  }
  return { image: photometric(warpImage(image, matrix), view, noise), points: named };
}

/** An augmentation as a training run draws it from `limits`, the fields of facekp.augment.Augment. */
export function randomView(limits, uniform) {
  const u = () => 2 * uniform() - 1, power = (limit) => Math.exp(Math.log1p(limit) * u());
  return {
    rotation: limits.rotation * u(), scale: power(limits.scale), right: limits.shift * u(), down: limits.shift * u(),
    flip: uniform() < limits.flip ? "swapped" : "no", brightness: limits.brightness * u(), contrast: power(limits.contrast),
    blur: Math.abs(limits.blur * u()), noise: Math.abs(limits.noise * u()),
  };
}

function render({ model, el }) {
  el.classList.add("fk");
  const data = model.get("data"), faces = unpackedFaces(data), uniform = uniforms(7), said = announcer();
  const view = { ...FIRST }, noise = normals(1, faces[0].w * faces[0].h);
  let face = 0, held = null;
  const before = canvas(480, "The face with its points");
  const after = canvas(480, "The augmented face with its points. Drag, or press arrow keys, to shift it.");
  const summary = make("p", { className: "fk-hint" });

  function show() {
    const image = faces[face], points = data.points[face], made = viewed(image, points, view, data.swap, noise);
    for (const [target, pixels, labels] of [[before, image, points], [after, made.image, made.points]]) {
      const context = target.getContext("2d");
      drawFace(context, pixels);
      drawSides(context, image.w, labels, data.sides, 1.4);
    }
    const right = view.flip === "forgotten" ? viewed(image, points, { ...view, flip: "swapped" }, data.swap, noise).points : made.points;
    const there = right.filter((v, i) => i % 2 === 0 && !Number.isNaN(v)).length, off = there ? rmse(made.points, right) : 0;
    summary.textContent = `${there} of ${points.filter((v, i) => i % 2 === 0 && v !== null).length} points are in the image; `
      + `the labels are off by ${off.toFixed(1)} px (RMSE).`;
    said.say(summary.textContent);
  }

  const changed = onFrame(show), controls = {};
  const set = (values) => {
    for (const [name, value] of Object.entries(values)) {
      const [, limits] = SLIDERS[name] ?? [];
      view[name] = limits ? Math.min(Math.max(value, limits.min), limits.max) : value;
      if (controls[name]) controls[name].value = view[name];
    }
    changed();
  };
  for (const [name, [text, limits]] of Object.entries(SLIDERS))
    controls[name] = slider(text, { ...limits, value: view[name] }, (value) => { view[name] = value; changed(); });
  controls.flip = menu("flip", FLIPS, view.flip, (value) => { view.flip = value; changed(); });
  draggable(after, (u, v, phase) => {
    const { w } = faces[face];
    if (phase === "down") held = [view.right - u * w, view.down - v * w];
    else set({ right: held[0] + u * w, down: held[1] + v * w });
  }, (dx, dy) => set({ right: view.right + dx, down: view.down + dy }));

  const chosen = menu("face", faces.map((_, i) => [i, `face ${i + 1} of ${faces.length}`]), 0, (i) => { face = +i; changed(); });
  const key = make("p", { className: "fk-hint" }, ...["left", "right", "in the middle"].flatMap((name, i) =>
    [swatch(MARKS[[0, 5, 2][i]], SERIES[i]), `${name}${i < 2 ? ", " : ""} `]),
    "(the subject's own sides: the left ones are on the right of an image)");
  const column = (...names) => make("div", {}, ...names.map((name) => controls[name].element));
  el.append(make("div", { className: "fk-pair" }, before, after), summary, key,
    make("div", { className: "fk-row" }, button("Random, as in training", () => set(randomView(data.limits, uniform))),
      button("Reset", () => set(PLAIN))),
    make("div", { className: "fk-columns" }, column("rotation", "scale", "right", "down", "flip"),
      make("div", {}, column("brightness", "contrast", "blur", "noise"), chosen.element)), said.element);
  show();
}

export default { render };
