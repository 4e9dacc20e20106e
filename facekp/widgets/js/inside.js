// Look inside a network: it runs here, layer by layer, and every stage can be looked at and asked what it sees.

import { drawFace, drawMap, drawMosaic, stageImage } from "./inside_draw.js";
import { Inside, ROLES, halfRadius, rmse } from "./inside_state.js";
import { announcer, button, canvas, draggable, make, menu, onFrame, slider, table } from "./ui.js";

const VIEW = 480; // pixels of the two large panels
const LAST = ["features", "maps", "feed-features", "feed-maps"]; // the row below the hourglass
const ORDER = ["in", "bottleneck", "skip", "up", "sum"]; // within a row

const readable = (name) => name.replaceAll("_", " ");

/** The rows of one stack's diagram: [level or "last", [stages]]. */
function rowsOf(inside, stack) {
  const rows = new Map(), rank = (i) => ORDER.indexOf(inside.stage(i).role);
  for (const i of inside.stages.filter((j) => inside.stage(j).stack === stack)) {
    const { level, role } = inside.stage(i), row = LAST.includes(role) ? "last" : level;
    rows.set(row, [...(rows.get(row) ?? []), i].sort((a, b) => rank(a) - rank(b)));
  }
  return [...rows].sort(([a], [b]) => (a === "last") - (b === "last") || a - b);
}

/** A tile for every stage of one stack, each a button. */
function diagram(inside, select) {
  const element = make("div", { className: "fk-diagram", role: "group", ariaLabel: "Stages of the network" });
  let tiles = new Map(), levels = [];

  function tile(i) {
    const view = make("canvas", { width: 48, height: 48, ariaHidden: "true" }), { role } = inside.stage(i);
    const its = make("button", { type: "button", className: `fk-tile fk-${role}`, onclick: () => select(i) }, view, make("span", {}, ROLES[role][0]));
    tiles.set(i, { its, view });
    return its;
  }

  function layOut(stack) {
    [tiles, levels] = [new Map(), []];
    element.replaceChildren(...rowsOf(inside, stack).map(([row, stages]) => {
      const label = make("p");
      levels.push({ label, stages, time: `${stack}.${row}` });
      return make("div", { className: "fk-tiles" }, label, ...stages.map(tile));
    }));
    paint();
  }

  function paintTile(i) {
    const { its, view } = tiles.get(i), value = inside.values[i], context = view.getContext("2d"), cut = inside.cut.has(i);
    context.clearRect(0, 0, 48, 48);
    context.imageSmoothingEnabled = false;
    if (value) context.drawImage(stageImage(inside, i), 0, 0, 48, 48);
    its.classList.toggle("fk-off", cut);
    its.ariaPressed = String(i === inside.selected);
    const shape = value ? (value.h * value.w > 1 ? `${value.c} channels of ${value.h} by ${value.w}` : `${value.c} units`) : "not computed yet";
    its.ariaLabel = `${ROLES[inside.stage(i).role][0]}, ${shape}${cut ? ", cut" : ""}`;
  }

  function paint() {
    for (const i of tiles.keys()) paintTile(i);
    for (const { label, stages, time } of levels) {
      const value = inside.values[stages[0]], ms = inside.times[time];
      const shape = value && (value.h * value.w > 1 ? `${value.h} × ${value.w}` : `${value.c} units`);
      label.textContent = time.endsWith("last") ? "after the hourglass" : `${shape ?? "…"}${ms === undefined ? "" : `, ${ms.toFixed(ms < 9.5 ? 1 : 0)} ms`}`;
    }
  }

  return { element, layOut, paint, paintTile: (i) => { if (tiles.has(i)) paintTile(i); }, has: (i) => tiles.has(i) };
}

/** What the selected stage is, and the value of the chosen cell. */
function stageText(inside) {
  const { value, selected } = inside, [name, holds] = ROLES[inside.stage(selected).role];
  if (!value) return `${name}: not computed yet.`;
  const what = inside.isOutput(selected) ? readable(inside.graph.keypoints[inside.keypoint]) : `channel ${inside.shown(selected) + 1} of ${value.c}`;
  const shape = value.h * value.w > 1 ? `${value.h} × ${value.w}` : `${value.c} units`;
  return `${name}, ${shape}, ${what}: ${holds}. Value: ${value.data[inside.cell().index].toFixed(3)}.`;
}

/** What the chosen cell sees, in words. */
function fieldText(inside, { left, right, top, bottom }, gradient) {
  if (right < left) return "Nothing of the image reaches this cell.";
  const sees = `Sees ${right - left + 1} × ${bottom - top + 1} pixels: x ${left} to ${right}, y ${top} to ${bottom}.`;
  const centre = gradient && inside.centre();
  return centre ? `${sees} Half of the gradient is within ${halfRadius(gradient, ...centre).toFixed(0)} px.` : sees;
}

/** The rows of the table of errors: all keypoints, then the chosen one, of each stack. */
function errorRows(inside) {
  const now = inside.points(), truth = inside.faceTruth, k = inside.keypoint;
  const row = (name, measure) => now.map((points, s) => [`${name}${now.length > 1 ? `, stack ${s + 1}` : ""}`,
    measure(inside.trained[s]).toFixed(2), inside.cut.size ? measure(points).toFixed(2) : "–"]);
  return [...row("all keypoints", (points) => rmse(points, truth)),
    ...row(readable(inside.graph.keypoints[k]), (points) => rmse([points[k]], [truth[k]]))];
}

/** Two large panels: the face and what the chosen cell sees of it; the selected stage. Both choose the cell. */
function panels(inside, said, wantsGradient) {
  const face = canvas(VIEW, "The face, and which of its pixels the chosen cell sees. Drag, or press arrow keys, to choose another position.");
  const map = canvas(VIEW, "The selected stage, enlarged. Drag, or press arrow keys, to choose a cell.");
  const [faceText, mapText] = [make("figcaption"), make("figcaption")];

  function draw() {
    const field = inside.value && inside.field(), gradient = inside.value && wantsGradient() ? inside.gradient() : null;
    drawFace(face, inside, field, gradient, inside.done() ? inside.points()[inside.stage(inside.selected).stack] : []);
    drawMap(map, inside);
    mapText.textContent = stageText(inside);
    faceText.textContent = field ? fieldText(inside, field, gradient) : "";
  }

  const redraw = onFrame(draw);
  const tell = () => said.say(`${stageText(inside)} ${inside.value ? fieldText(inside, inside.field(), wantsGradient() && inside.gradient()) : ""}`);
  const put = (u, v) => {
    inside.place = { u: Math.min(Math.max(u, 0), 0.9999), v: Math.min(Math.max(v, 0), 0.9999) };
    redraw();
    tell();
  };
  for (const view of [face, map]) {
    draggable(view, put, (dx, dy) => put(inside.place.u + dx / (inside.value?.w ?? 1), inside.place.v + dy / (inside.value?.h ?? 1)));
    view.addEventListener("pointermove", (event) => { // a mouse need not press
      const box = view.getBoundingClientRect();
      if (event.pointerType === "mouse" && !event.buttons) put((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
    });
  }
  const key = make("p", { className: "fk-hint" }, "Green discs: true points. Orange crosses: found. Stages: blue below 0, orange above.");
  const element = make("div", { className: "fk-looking" }, make("figure", {}, face, faceText), make("figure", {}, map, mapText), key);
  return { element, redraw, tell };
}

/** All channels of the selected stage; a tap calls choose(channel). */
function channelSheet(inside, choose) {
  const view = make("canvas", { ariaHidden: "true", className: "fk-mosaic" });
  let across = 1;
  const draw = () => {
    view.hidden = !inside.value || inside.value.h * inside.value.w === 1;
    if (!view.hidden && element.open) across = drawMosaic(view, inside);
  };
  view.onclick = (event) => {
    const box = view.getBoundingClientRect(), down = Math.ceil(inside.value.c / across);
    const column = Math.floor((event.clientX - box.left) / box.width * across);
    const c = column + across * Math.floor((event.clientY - box.top) / box.height * down);
    if (c < inside.value.c) choose(c);
  };
  const element = make("details", { ontoggle: draw }, make("summary", {}, "All channels of the selected stage"), view);
  return { element, draw };
}

function render({ model, el }) {
  el.classList.add("fk", "fk-inside");
  const data = model.get("data"), inside = new Inside(data), said = announcer(), names = inside.graph.keypoints;
  inside.keypoint = Math.max(0, names.indexOf("right_eye_center"));
  inside.place = { u: (inside.faceTruth[inside.keypoint][0] + 0.5) / inside.size, v: (inside.faceTruth[inside.keypoint][1] + 0.5) / inside.size };
  let running = null, stack = 0;

  const stages = diagram(inside, select), results = table("Error on this face, RMSE in pixels", ["", "as trained", "now"]);
  const gradient = button("Gradient", () => { looking.redraw(); looking.tell(); }, false);
  const looking = panels(inside, said, () => gradient.ariaPressed === "true");
  const sheet = channelSheet(inside, (c) => (inside.stage(inside.selected).role === "maps" ? setKeypoint(c) : setChannel(c)));

  function refresh() {
    stages.paint();
    looking.redraw();
    sheet.draw();
    const { selected } = inside;
    channels.element.hidden = inside.isOutput(selected);
    cut.disabled = !inside.canCut(selected) || !inside.trained; // what is cut is compared with the first run
    cut.ariaPressed = String(inside.cut.has(selected));
    results.fill(inside.done() && inside.trained ? errorRows(inside) : []);
    [...stacks.children].forEach((b, s) => { b.hidden = s >= inside.graph.outputs.length; b.ariaPressed = String(s === stack); });
    stacks.hidden = inside.graph.outputs.length < 2;
  }

  function select(i) {
    inside.selected = i;
    if (!stages.has(i)) stages.layOut(stack = inside.stage(i).stack);
    refresh();
    looking.tell();
  }

  /** Run what is not computed yet, a stage for each frame, so that each is seen as it comes; or one stage only. */
  async function go(once = false) {
    const mine = running = inside.steps(), began = performance.now();
    for (let next = mine.next(); !next.done; next = mine.next()) {
      if (once) return select(next.value);
      stages.paintTile(next.value);
      if (next.value === inside.selected) looking.redraw();
      await new Promise((resume) => setTimeout(resume, 16));
      if (running !== mine) return;
    }
    refresh();
    const error = (points) => rmse(points.at(-1), inside.faceTruth).toFixed(2);
    said.say(`Computed in ${((performance.now() - began) / 1000).toFixed(1)} seconds. Error ${error(inside.points())} pixels`
      + `${inside.cut.size ? `, as trained ${error(inside.trained)}` : ""}.`);
  }

  function begin(network, face, once = false) {
    inside.choose(network, face);
    channels.element.querySelector("input").max = inside.lastChannel() + 1;
    channels.value = inside.channel + 1;
    stages.layOut(stack = inside.stage(inside.selected).stack);
    refresh();
    return go(once);
  }

  function setKeypoint(k) { inside.keypoint = keypoints.value = k; refresh(); }
  function setChannel(c) { inside.channel = c; channels.value = c + 1; refresh(); looking.tell(); }

  const networks = menu("Network", data.networks.map(({ name }, i) => [i, name]), 0, (i) => begin(+i, inside.face));
  const faces = menu("Face", data.truth.map((_, i) => [i, `face ${i + 1}`]), 0, (i) => begin(inside.network, +i));
  const keypoints = menu("Keypoint", names.map((n, k) => [k, readable(n)]), inside.keypoint, (k) => setKeypoint(+k));
  const channels = slider("Channel", { min: 1, max: inside.lastChannel() + 1, step: 1, value: 1 }, (c) => setChannel(c - 1));
  const again = button("Run again", () => begin(inside.network, inside.face));
  const step = button("One step", () => (inside.done() ? begin(inside.network, inside.face, true) : go(true)));
  const cut = button("Cut this branch", () => { inside.toggle(); stages.paint(); go(); }, false);
  const stacks = make("div", { className: "fk-row", role: "group", ariaLabel: "Stack" }, ...[0, 1, 2, 3, 4, 5, 6, 7].map((s) =>
    button(`Stack ${s + 1}`, () => select(inside.graph.outputs[s]), false)));

  el.append(make("div", { className: "fk-columns" }, make("div", {}, networks.element, faces.element), make("div", {}, keypoints.element, channels.element)),
    make("div", { className: "fk-row" }, again, step, gradient, cut), stacks,
    make("div", { className: "fk-beside" }, looking.element, stages.element), results.element, sheet.element, said.element);
  el.finished = begin(0, 0);
}

export default { render };
