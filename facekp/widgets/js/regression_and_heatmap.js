// Regression against heatmap: two networks on the same face, while it is rotated, blurred or covered. The images are
// made here, as the experiment made them; the points are its record.

import { aboutCentre, photometric, warpImage, warpPoints } from "./augment.js";
import { drawErrors, drawFace, rmse, unpackedFaces } from "./faces.js";
import { SERIES, announcer, button, canvas, make, menu, onFrame, slider } from "./ui.js";

const KINDS = { turn: ["Rotate", "°"], blur: ["Blur", "px"], cover: ["Cover the right eye", "px"] };

/** A face {w, h, values} and its points under a change of `kind` by `amount`; `eye` is the middle of the disc [x, y]. */
export function changedFace(face, points, kind, amount, eye, patch) {
  if (kind === "turn") {
    const matrix = aboutCentre(face.w, face.h, { rotation: amount });
    return { face: warpImage(face, matrix), points: warpPoints(points, matrix) };
  }
  if (kind === "blur") return { face: photometric(face, { blur: amount }), points };
  const values = face.values.map((v, i) =>
    (Math.hypot(i % face.w - eye[0], Math.floor(i / face.w) - eye[1]) < amount ? patch / 255 : v));
  return { face: { ...face, values }, points };
}

function render({ model, el }) {
  el.classList.add("fk");
  const data = model.get("data"), faces = unpackedFaces(data), said = announcer(), eye = data.eye;
  let kind = "turn", at = data.amounts.turn.indexOf(0), face = 0;
  const cards = data.networks.map(({ label }) => {
    const view = canvas(360, ""), text = make("p", { className: "fk-hint" });
    return { label, view, text, element: make("div", { className: "fk-card" }, view, text) };
  });
  const plot = make("canvas", { width: 720, height: 240, className: "fk-plot", role: "img" });
  const text = make("p", { className: "fk-hint" });
  // Of each network, kind and amount: the mean over the faces of their RMSE.
  const curves = Object.fromEntries(Object.keys(KINDS).map((name) => [name, data.networks.map((n) => data.amounts[name].map((amount, i) => {
    const each = faces.map((f, j) => rmse(n.changes[name][i][j], truthOf(j, name, amount)));
    return each.reduce((a, b) => a + b) / each.length;
  }))]));

  function truthOf(j, name, amount) {
    return name === "turn" ? warpPoints(data.points[j], aboutCentre(data.size[1], data.size[0], { rotation: amount })) : data.points[j];
  }

  function show() {
    const amount = data.amounts[kind][at], unit = KINDS[kind][1], points = data.points[face];
    const now = changedFace(faces[face], points, kind, amount, [points[2 * eye], points[2 * eye + 1]], data.patch);
    const errors = data.networks.map((n, i) => {
      const found = n.changes[kind][at][face], error = rmse(found, now.points), context = cards[i].view.getContext("2d");
      drawFace(context, now.face);
      drawErrors(context, now.face.w, now.points, found, 1.1);
      cards[i].text.textContent = `${n.label}: RMSE ${error.toFixed(2)} px`;
      cards[i].view.ariaLabel = `The face with the points of ${n.label}, RMSE ${error.toFixed(2)} pixels`;
      return error;
    });
    chart(plot.getContext("2d"), getComputedStyle(el).color);
    const sums = data.networks.map((n, i) => `${n.label} ${curves[kind][i][at].toFixed(2)} px`).join(", ");
    text.textContent = `Mean of ${faces.length} faces at ${amount} ${unit}: ${sums}.`;
    plot.ariaLabel = `Error over the amount, for both networks. ${text.textContent}`;
    said.say(`${KINDS[kind][0]} ${amount} ${unit}: ${data.networks.map((n, i) => `${n.label} ${errors[i].toFixed(1)} pixels`).join(", ")}.`);
  }

  /** The mean error of both networks over the amount, and where the slider is. */
  function chart(context, colour) {
    const { width, height } = context.canvas, amounts = data.amounts[kind], most = 1.05 * Math.max(...curves[kind].flat());
    const x = (i) => 60 + i / (amounts.length - 1) * (width - 80), y = (v) => height - 40 - v / most * (height - 60);
    context.clearRect(0, 0, width, height);
    Object.assign(context, { fillStyle: colour, strokeStyle: colour, font: "22px system-ui, sans-serif", lineWidth: 1, textBaseline: "middle" });
    context.textAlign = "right";
    for (const v of [0, Math.round(most / 2), Math.floor(most)]) context.fillText(v, 50, y(v));
    context.textAlign = "center";
    for (const i of [0, (amounts.length - 1) / 2, amounts.length - 1]) context.fillText(`${amounts[i]} ${KINDS[kind][1]}`, Math.min(x(i), width - 34), height - 16);
    context.strokeRect(x(at), 10, 0, height - 50);
    curves[kind].forEach((values, n) => {
      Object.assign(context, { strokeStyle: SERIES[[1, 0][n]], lineWidth: 4 });
      context.setLineDash(n ? [] : [10, 6]);
      context.beginPath();
      values.forEach((v, i) => context.lineTo(x(i), y(v)));
      context.stroke();
    });
    context.setLineDash([]);
  }

  const changed = onFrame(show), row = make("div", { className: "fk-row", role: "group", ariaLabel: "What is done to the face" });
  const amountOf = slider("amount", { min: 0, max: data.amounts.turn.length - 1, step: 1, value: at }, (i) => { at = i; changed(); });
  const describe = () => { // the slider counts steps; its words are the amount
    amountOf.element.querySelector("output").textContent = `${data.amounts[kind][at]} ${KINDS[kind][1]}`;
    amountOf.element.querySelector("input").ariaValueText = `${data.amounts[kind][at]} ${KINDS[kind][1]}`;
  };
  amountOf.element.addEventListener("input", describe);
  const choose = (name) => {
    kind = name;
    at = Math.max(data.amounts[name].indexOf(0), 0);
    for (const [i, key] of Object.keys(KINDS).entries()) row.children[i].ariaPressed = String(key === name);
    amountOf.element.querySelector("input").max = data.amounts[name].length - 1;
    amountOf.value = at;
    describe();
    changed();
  };
  row.append(...Object.entries(KINDS).map(([name, [words]]) => button(words, () => choose(name), name === kind)));
  const chosen = menu("face", faces.map((_, i) => [i, `face ${i + 1} of ${faces.length}`]), 0, (i) => { face = +i; changed(); });
  el.append(make("div", { className: "fk-pair" }, ...cards.map((c) => c.element)), row, amountOf.element, chosen.element, text, plot,
    make("p", { className: "fk-hint" }, `solid blue: ${data.networks[1].label}; dashed orange: ${data.networks[0].label}`), said.element);
  choose("turn");
  show();
}

export default { render };
