// Camera: one frame from the computer's camera goes to the kernel, and the faces found in it come back as an image.

import { button, make } from "./ui.js";

function render({ model, el }) {
  el.classList.add("fk");
  const alone = !model.send; // on a page of the book there is no kernel
  const words = make("p", { role: "status" });
  const video = make("video", { muted: true, playsInline: true, hidden: true, ariaLabel: "What the camera sees" });
  const image = make("img", { alt: "The last photo, with a square and crosses for each face" });
  for (const shown of [video, image]) shown.style.maxWidth = "100%";
  const say = (text) => { words.textContent = text; };
  let stream = null;

  function stop() {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    video.hidden = take.disabled = true;
  }

  async function begin() {
    stop();
    if (!navigator.mediaDevices) return say("The browser gives no camera here. Open the page by https or at localhost.");
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
      video.srcObject = stream;
      video.hidden = false;
      await video.play();
      take.disabled = false;
      say("Look at the camera, and take a photo.");
    } catch (error) {
      stop();
      say(`The camera could not be started (${error.name}). Allow it in the browser, or plug one in.`);
    }
  }

  async function photograph() {
    const frame = make("canvas", { width: video.videoWidth, height: video.videoHeight });
    frame.getContext("2d").drawImage(video, 0, 0);
    const jpeg = await new Promise((done) => { frame.toBlob(done, "image/jpeg", 0.92); });
    say("Looking for faces …");
    model.send({ kind: "photo" }, undefined, [await jpeg.arrayBuffer()]);
  }

  function show() {
    const data = model.get("data");
    image.src = `data:image/png;base64,${data.png}`;
    say(alone ? "Run the notebook to take a photo; this is an example." : data.words);
  }

  const start = button("Start the camera", begin), take = button("Take a photo", photograph);
  take.disabled = true;
  el.append(make("div", { className: "fk-row", hidden: alone }, start, take), video, words, image);
  model.on("change:data", show);
  show();
  return stop;
}

export default { render };
