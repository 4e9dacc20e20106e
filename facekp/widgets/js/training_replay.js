// Training replay: scrub through a run, epoch by epoch: its curves, and its points on the same faces. In a notebook the
// same widget is the monitor of a run that goes on, and follows the last epoch until it is touched.

import { drawErrors, drawFace, rmse, unpackedFaces } from "./faces.js";
import { SERIES, announcer, button, canvas, draggable, make, menu, onFrame, slider } from "./ui.js";

const W = 300, H = 92, LEFT = 4, RIGHT = 4, TOP = 6, BOTTOM = 6; // of a chart, in its own units

function svg(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** A small chart of one number over the epochs: {element, draw(values, epochs, level), move(epoch), epochAt(u)}. */
function chart(colour) {
  const line = svg("path", { fill: "none", stroke: colour, "stroke-width": 2, "vector-effect": "non-scaling-stroke" });
  const level = svg("path", { fill: "none", stroke: "currentColor", "stroke-dasharray": "4 4", opacity: 0.6, "vector-effect": "non-scaling-stroke" });
  const head = svg("path", { stroke: "currentColor", "vector-effect": "non-scaling-stroke" });
  const box = svg("svg", { viewBox: `0 0 ${W} ${H}`, preserveAspectRatio: "none", class: "fk-chart", "aria-hidden": "true" });
  box.append(level, line, head);
  const text = make("p", { className: "fk-hint" }), element = make("div", {}, text, box);
  let epochs = 1;
  const x = (epoch) => LEFT + (epochs > 1 ? (epoch - 1) / (epochs - 1) : 0.5) * (W - LEFT - RIGHT);
  return {
    element, box, text,
    draw(values, last, dashed) {
      epochs = last;
      const most = Math.max(...values, dashed ?? 0), y = (v) => H - BOTTOM - v / most * (H - TOP - BOTTOM);
      line.setAttribute("d", values.map((v, i) => `${i ? "L" : "M"}${x(i + 1)} ${y(v)}`).join(""));
      level.setAttribute("d", dashed ? `M0 ${y(dashed)}H${W}` : "");
    },
    move(epoch) { head.setAttribute("d", `M${x(epoch)} 0V${H}`); },
    epochAt: (u) => Math.round(1 + (u * W - LEFT) / (W - LEFT - RIGHT) * (epochs - 1)),
  };
}

/** The points after epoch `epoch`, or after the last one before it that was kept. */
export function pointsAt(points, epoch) {
  return points.slice(0, epoch).reverse().find((kept) => kept) ?? null;
}

function render({ model, el }) {
  el.classList.add("fk");
  const data = () => ({ ...model.get("data"), ...model.get("live") }), first = data();
  const faces = unpackedFaces(first), said = announcer();
  let run = 0, epoch = 1, touched = false, timer = null;
  const charts = { val_rmse: chart(SERIES[0]), loss: chart(SERIES[1]), lr: chart(SERIES[3]) };
  const views = faces.map((_, i) => canvas(240, `face ${i + 1}`));
  const state = make("p", { className: "fk-state" });

  function show() {
    const { runs, points: truth } = data(), { curve, points, epochs, state: words } = runs[run];
    if (!curve.length) return;
    epoch = Math.min(epoch, curve.length);
    const line = curve[epoch - 1], found = pointsAt(points, epoch);
    for (const [name, c] of Object.entries(charts)) {
      c.draw(curve.map((l) => l[name]), epochs, name === "val_rmse" ? line.mean_face_rmse : undefined);
      c.move(epoch);
    }
    charts.val_rmse.text.textContent = `validation RMSE ${line.val_rmse.toFixed(2)} px (dashed: mean face, ${line.mean_face_rmse.toFixed(2)} px)`;
    charts.loss.text.textContent = `training loss ${line.loss.toPrecision(3)}`;
    charts.lr.text.textContent = `learning rate ${line.lr.toExponential(1)}`;
    const errors = faces.map((face, i) => {
      const context = views[i].getContext("2d");
      drawFace(context, face);
      drawErrors(context, face.w, truth[i], found ? found[i] : truth[i].map(() => NaN), 0.9);
      return found ? rmse(found[i], truth[i]) : NaN;
    });
    views.forEach((view, i) => { view.ariaLabel = `Face ${i + 1} after epoch ${epoch}: RMSE ${errors[i].toFixed(1)} pixels`; });
    state.textContent = words ?? `epoch ${epoch} of ${epochs}`;
    said.say(`Epoch ${epoch} of ${epochs}: validation error ${line.val_rmse.toFixed(2)} pixels, loss ${line.loss.toPrecision(3)}.`);
  }

  const changed = onFrame(show);
  const go = (to) => {
    const { epochs, curve } = data().runs[run];
    epoch = Math.min(Math.max(to, 1), curve.length || 1, epochs);
    slide.value = epoch;
    changed();
  };
  const play = button("Play", () => { if (timer) stop(); else start(); });
  const stop = () => { clearInterval(timer); timer = null; play.textContent = "Play"; };
  function start() {
    const { curve } = data().runs[run], slow = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (epoch >= curve.length) go(1);
    play.textContent = "Pause";
    timer = setInterval(() => { if (!el.isConnected || epoch >= curve.length) stop(); else go(epoch + 1); }, slow ? 1500 : 400);
  }
  const slide = slider("epoch", { min: 1, max: first.runs[0].epochs, step: 1, value: 1 }, (value) => { touched = true; stop(); go(value); });
  for (const c of Object.values(charts)) draggable(c.box, (u) => { touched = true; stop(); go(c.epochAt(u)); });
  const names = first.runs.map(({ name }, i) => [i, name]);
  const which = menu("network", names, 0, (value) => { run = +value; stop(); slide.element.querySelector("input").max = data().runs[run].epochs; go(epoch); });

  el.append(state, make("div", { className: "fk-faces" }, ...views),
    make("p", { className: "fk-hint" }, "rings: truth; crosses: prediction after this epoch"),
    slide.element, make("div", { className: "fk-row" }, play, ...(names.length > 1 ? [which.element] : [])),
    make("div", { className: "fk-charts" }, ...Object.values(charts).map((c) => c.element)), said.element);
  model.on("change:live", () => { if (touched) changed(); else go(Infinity); });
  go(Infinity);
  show();
  return stop;
}

export default { render };
