// Prediction viewer: networks side by side on the same face, with their errors and heatmaps.

import { drawErrors, drawFace, unpackedFaces } from "./faces.js";
import { inferno } from "./pixels.js";
import { announcer, button, canvas, make, menu, onFrame, slider, table } from "./ui.js";

/** The order in which faces are shown: by the error of network `by`, or of all (their mean), or as they are. */
export function order(networks, by, count) {
  const all = Array.from({ length: count }, (_, i) => i);
  if (by === "file") return all;
  const of = (i) => (by === "all" ? networks.map((n) => n.errors[i]).reduce((a, b) => a + b, 0) / networks.length : networks[by].errors[i]);
  return all.sort((a, b) => (of(b) ?? -1) - (of(a) ?? -1) || a - b); // faces without an error come last
}

/** The distance of each found point from the true one in pixels; NaN where nothing is annotated. */
export function distances(found, truth) {
  return Array.from({ length: truth.length / 2 }, (_, k) =>
    (truth[2 * k] === null ? NaN : Math.hypot(found[2 * k] - truth[2 * k], found[2 * k + 1] - truth[2 * k + 1])));
}

/** The image of a face's heatmaps, unpacked: {width, height, values in 0..255}. */
async function opened(png) {
  const image = new Image();
  image.src = `data:image/png;base64,${png}`;
  await image.decode();
  const sheet = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height });
  const context = sheet.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, image.width, image.height);
}

/** Lay heatmap `k` of a sheet (all of them: -1) over a face as a glow. */
function glow(context, sheet, k, count, columns) {
  const w = sheet.width / columns, h = sheet.height / Math.ceil(count / columns);
  const veil = new ImageData(w, h), wanted = k < 0 ? [...Array(count).keys()] : [k];
  for (let y = 0, i = 0; y < h; y++) {
    for (let x = 0; x < w; x++, i++) {
      const value = Math.max(...wanted.map((m) =>
        sheet.data[4 * ((Math.floor(m / columns) * h + y) * sheet.width + (m % columns) * w + x)])) / 255;
      veil.data.set([...inferno(value), 165], 4 * i);
    }
  }
  const small = Object.assign(document.createElement("canvas"), { width: w, height: h });
  small.getContext("2d").putImageData(veil, 0, 0);
  context.drawImage(small, 0, 0, context.canvas.width, context.canvas.height);
}

const number = (v, digits = 2) => (v === null || Number.isNaN(v) ? "–" : v.toFixed(digits));

function render({ model, el }) {
  el.classList.add("fk");
  const data = model.get("data"), { networks, names, columns } = data, said = announcer();
  const faces = unpackedFaces(data), sheets = new Map();
  let rank = 0, by = "all", point = "none", shown = { truth: true, found: true }, turn = 0;
  const cards = networks.map(({ name }) => {
    const view = canvas(360, ""), text = make("p", { className: "fk-hint" });
    return { name, view, text, element: make("div", { className: "fk-card" }, view, text) };
  });
  const errors = table("Error of each point in pixels, the largest first", ["keypoint", ...networks.map((n) => n.name)]);

  async function show() {
    const now = ++turn, i = order(networks, by, faces.length)[rank], truth = data.points[i];
    const k = point === "all" ? -1 : names.indexOf(point);
    const veils = await Promise.all(networks.map((n, j) => {
      if (point === "none" || !n.maps) return null;
      if (!sheets.has(`${j} ${i}`)) sheets.set(`${j} ${i}`, opened(n.maps[i]));
      return sheets.get(`${j} ${i}`);
    }));
    if (now !== turn) return; // another face was asked for meanwhile
    networks.forEach((n, j) => {
      const context = cards[j].view.getContext("2d");
      drawFace(context, faces[i]);
      if (veils[j]) glow(context, veils[j], k, names.length, columns);
      drawErrors(context, faces[i].w, shown.truth ? truth : null, shown.found ? n.points[i] : truth.map(() => NaN), 1.1);
      const without = point !== "none" && !n.maps ? "; predicts coordinates, has no heatmap" : "";
      cards[j].text.textContent = `${n.name}: RMSE ${number(n.errors[i])} px${without}`;
      cards[j].view.ariaLabel = `Face ${data.rows[i]} with the points of ${n.name}, RMSE ${number(n.errors[i])} pixels`;
    });
    said.say(`Face ${data.rows[i]}: ${networks.map((n) => `${n.name} ${number(n.errors[i])} pixels`).join(", ")}.`);
    if (!listed.open) return;
    const off = networks.map((n) => distances(n.points[i], truth)), worst = (m) => Math.max(...off.map((row) => (Number.isNaN(row[m]) ? -1 : row[m])));
    const rows = names.map((_, m) => m).sort((a, b) => worst(b) - worst(a));
    errors.fill(rows.map((m) => [names[m], ...off.map((row) => number(row[m]))]));
  }

  const changed = onFrame(show);
  const listed = make("details", { ontoggle: changed }, make("summary", {}, "Error of each point"), errors.element);
  const face = slider("face", { min: 1, max: faces.length, step: 1, value: 1 }, (value) => { rank = value - 1; changed(); });
  const step = (by_) => { face.value = Math.min(Math.max(face.value + by_, 1), faces.length); rank = face.value - 1; changed(); };
  const sort = menu("sort by", [["all", "error, mean of all"], ...networks.map((n, j) => [j, `error of ${n.name}`]), ["file", "order of the data"]],
    by, (value) => { by = value === "all" || value === "file" ? value : +value; face.value = 1; rank = 0; changed(); });
  const map = menu("heatmap", [["none", "none"], ["all", "all points"], ...names.map((n) => [n, n])], point, (value) => { point = value; changed(); });
  const see = (name, key) => button(name, (on) => { shown = { ...shown, [key]: on }; changed(); }, true);
  el.append(make("div", { className: "fk-cards" }, ...cards.map((c) => c.element)), face.element,
    make("div", { className: "fk-row" }, button("Previous", () => step(-1)), button("Next", () => step(1)),
      see("truth (rings)", "truth"), see("prediction (crosses)", "found")),
    make("div", { className: "fk-columns" }, sort.element, map.element),
    listed, said.element);
  return show();
}

export default { render };
