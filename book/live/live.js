"use strict";
// The page: its state, the image it looks at, and the beginning.

const at = (id) => document.getElementById(id);
const state = {
  name: null, network: null, // which network looks
  source: null, frame: null, first: null, cover: null, // at what; `first` is the frame that the image began with
  chosen: 10, camera: null, guide: 0, searching: 0,
  faces: [], shown: -1, // the frames of the faces in a photo, and which of them is shown
};
const opened = new Map(); // the networks that have been loaded, by name
let wanted = false, busy = false, answer = null, telling = 0;

/** Say something in the line that screen readers read out. */
function tell(text) {
  clearTimeout(telling);
  at("status").textContent = text;
}

/** Something has changed: look again as soon as there is time. */
function changed() {
  wanted = true;
  if (!busy) requestAnimationFrame(look);
}

async function look() {
  if (busy || !wanted || !state.network) return;
  [busy, wanted] = [true, false];
  try {
    if (state.camera) state.source = fromImage("camera", state.camera.video, state.camera.width, state.camera.height);
    const seen = blurred(crop(state.source, state.frame, state.cover), +at("blur").value);
    const began = performance.now();
    answer = { ...(await find(state.network, seen)), seen, took: performance.now() - began };
    show();
    if (state.camera && pressed("follow") && mean([...answer.confidence]) > SURE) {
      state.frame = refitted(state.frame, answer); // for the next look
      controlsFromFrame();
    }
  } catch (error) {
    tell(`The network could not run: ${error.message}`);
  }
  busy = false;
  if (wanted || state.camera) changed();
}

/** The truth of a synthetic face, where it is in the frame now. A horizontal flip exchanges left and right. */
function truthInFrame() {
  const { source, frame } = state, out = [];
  for (let k = 0; k < CARD.keypoints.length; k++) {
    const t = frame.mirror ? CARD.swap[k] : k;
    out.push(...toFrame(frame, source.truth[2 * t], source.truth[2 * t + 1]));
  }
  return out;
}

function show() {
  state.firstPoint ??= performance.now() - state.clicked; // milliseconds, for the record of bench_live.py
  const context = at("view").getContext("2d"), size = at("view").width;
  if (+at("blur").value > 0) context.drawImage(greyImage(answer.seen), 0, 0, size, size);
  else drawSource(context, state.source, state.frame, state.cover);
  const truth = state.source.truth && truthInFrame();
  if (truth) drawPoints(context, truth, "true");
  if (state.guide) drawGuide(context);
  drawPoints(context, answer.points, "found", state.chosen);
  at("seen").getContext("2d").drawImage(greyImage(answer.seen), 0, 0);
  drawMap(at("map").getContext("2d"), answer.maps, answer.mapSize, state.chosen);
  at("map-name").textContent = `heatmap: ${readable(state.chosen)}`;
  at("key").textContent = truth ? "crosses: found; rings: true" : "crosses: found";
  at("sure").textContent = mean([...answer.confidence]).toFixed(2);
  at("error").textContent = truth ? `${rmse(answer.points, truth).toFixed(2)} px` : "-";
  at("took").textContent = `${answer.took.toFixed(0)} ms`;
  at("points").querySelectorAll("label").forEach((label, k) => {
    label.querySelector("meter").value = answer.confidence[k];
    label.querySelector("output").textContent = answer.confidence[k].toFixed(2);
    label.querySelector("input").checked = k === state.chosen;
  });
  clearTimeout(telling);
  if (!state.searching) telling = setTimeout(() => tell(summary(truth)), 900); // once it has come to rest
}

function summary(truth) {
  const off = truth ? `, off by ${rmse(answer.points, truth).toFixed(1)} pixels of 96` : "";
  const doubtful = [...answer.confidence].filter((c) => c < 0.3).length;
  return `Mean confidence ${mean([...answer.confidence]).toFixed(2)}${off}`
    + (doubtful ? `; ${doubtful} of ${CARD.keypoints.length} points are doubtful.` : ".");
}

const readable = (k) => CARD.keypoints[k].replaceAll("_", " ");

/** Open the network called `name`, with the bar moving; `more` are files that come with it. */
async function choose(name, more = []) {
  const card = CARD.networks.find((n) => n.name === name), all = [card, ...more].reduce((sum, f) => sum + f.bytes, 0);
  let come = 0;
  const progress = (bytes) => {
    come += bytes;
    at("bar").value = come / all;
    at("loaded").textContent = `${(come / 1e6).toFixed(1)} of ${(all / 1e6).toFixed(1)} MB`;
  };
  at("loading").hidden = opened.has(name);
  try {
    if (more.length) await startRuntime(progress);
    if (!opened.has(name)) opened.set(name, await openNetwork(card, progress));
    state.network = opened.get(name);
    state.name = name;
  } finally {
    at("loading").hidden = true;
    at("network").value = state.name;
  }
  at("terms").textContent = `${name}: learnt from ${card.data}. Licence: ${card.licence}.`;
}

/** The face detector, loaded when the first photo wants it. */
async function openDetector() {
  if (!opened.has(CARD.detector.name)) opened.set(CARD.detector.name, await openNetwork(CARD.detector));
  return opened.get(CARD.detector.name);
}

async function start() {
  if (at("offer").hidden) return; // pressed twice
  state.clicked = performance.now();
  at("offer").hidden = true;
  tell("Loading the network.");
  try {
    await choose(CARD.networks[0].name, [CARD.runtime]);
    const faces = await loadFile(CARD.faces);
    await find(state.network, faces.slice(0, SIZE * SIZE)); // the first time takes longer: not in front of the reader
    listFaces(faces);
    at("before").hidden = true;
    at("app").hidden = false;
    putFace(faces, 0);
    at("view").focus({ preventScroll: true });
  } catch (error) {
    at("offer").hidden = false;
    tell(`That did not work: ${error.message}`);
  }
}

function listFaces(faces) {
  CARD.faces.truth.forEach((_, i) => {
    const button = document.createElement("button"), canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [SIZE, SIZE];
    canvas.getContext("2d").drawImage(greyImage(faces.subarray(i * SIZE * SIZE, (i + 1) * SIZE * SIZE)), 0, 0);
    Object.assign(button, { type: "button", className: "face", ariaLabel: `Synthetic face ${i + 1}` });
    button.onclick = () => putFace(faces, i);
    button.append(canvas);
    at("faces").append(button);
  });
}

async function measure() {
  stopCamera();
  tell("Measuring: one face, 100 times.");
  await new Promise((resume) => setTimeout(resume, 50));
  const median = await medianTime(state.network, answer.seen, 100);
  tell(`One face takes ${median.toFixed(1)} ms here: the middle of 100 times.`);
}

function listen() {
  at("start").onclick = start;
  at("photo").onchange = () => putPhoto(at("photo").files[0]).then(() => { at("photo").value = ""; });
  at("camera").onclick = () => state.camera ? (stopCamera(), tell("The camera is off.")) : startCamera();
  at("turn").oninput = () => moveFrame({ turn: +at("turn").value * Math.PI / 180 });
  at("size").oninput = () => moveFrame({ side: state.first.side / 2 ** +at("size").value });
  at("blur").oninput = () => { outputs(); changed(); };
  at("mirror").onclick = () => moveFrame({ mirror: !state.frame.mirror });
  at("cover").onclick = toggleCover;
  at("fit").onclick = async () => moveFrame(await refit(state.network, state.source, state.frame));
  at("follow").onclick = () => press("follow", !pressed("follow"));
  at("next").onclick = showNextFace;
  at("reset").onclick = restore;
  at("network").onchange = () => choose(at("network").value).then(changed, (error) => tell(error.message));
  at("measure").onclick = measure;
  at("view").onkeydown = onKey;
  at("view").addEventListener("wheel", (event) => {
    if (document.activeElement !== at("view")) return; // so that the page can be scrolled past
    event.preventDefault();
    moveFrame({ side: state.frame.side * Math.exp(event.deltaY / 800) });
  }, { passive: false });
  onPointers(at("view"));
  document.body.ondragover = (event) => event.preventDefault();
  document.body.ondrop = (event) => {
    event.preventDefault();
    if (state.network) putPhoto(event.dataTransfer.files[0]);
    else tell("Start the network first, then drop the image again.");
  };
  document.addEventListener("visibilitychange", () => document.hidden && stopCamera());
}

/** In the book's page: take its light or dark theme, and tell it how high this page is. */
function withBook() {
  const page = document.documentElement;
  addEventListener("message", ({ source, data }) => {
    if (source !== parent) return;
    if (["light", "dark"].includes(data?.theme)) page.dataset.theme = data.theme;
    if (typeof data?.preset === "string" && CARD.runtime) showPreset(data.preset);
  });
  if (parent === window) return;
  page.classList.add("framed");
  new ResizeObserver(() => parent.postMessage({ liveHeight: page.offsetHeight }, "*")).observe(document.body);
  parent.postMessage({ liveReady: true }, "*");
}

function begin() {
  withBook();
  at("without").hidden = true;
  if (!CARD.runtime) return tell(`Only the still image is here: ${CARD.missing}`);
  for (const { name, label } of CARD.networks) at("network").append(new Option(label, name));
  listPoints(at("points"), CARD.keypoints.map((_, k) => readable(k)), (k) => { state.chosen = k; if (answer) show(); });
  at("weight").textContent = `loads ${((CARD.runtime.bytes + CARD.networks[0].bytes) / 1e6).toFixed(1)} MB, once`;
  at("offer").hidden = false;
  listen();
  if (location.search) at("start").onclick = () => showPreset(location.search);
}

begin();
