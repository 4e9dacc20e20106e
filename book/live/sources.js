"use strict";
// Where images come from: synthetic faces, a photo, the camera.

/** Show another image, in the frame given or in its middle. */
function put(source, frame = middleFrame(source)) {
  if (source.kind !== "camera") stopCamera();
  Object.assign(state, { source, frame, first: { ...frame }, cover: null });
  at("blur").value = 0;
  controlsFromFrame();
  changed();
}

function putFace(bytes, i) {
  const grey = bytes.subarray(i * SIZE * SIZE, (i + 1) * SIZE * SIZE);
  put(makeSource("drawn", SIZE, SIZE, grey, greyImage(grey), CARD.faces.truth[i]));
}

async function putPhoto(file) {
  if (!file) return;
  let image;
  try {
    image = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return tell(`${file.name} is not an image that this browser can open. Choose a JPEG or PNG file.`);
  }
  put(fromImage("photo", image, image.width, image.height));
  await lookForFace();
}

/** Put the frame where the network is surest that there is a face. */
async function lookForFace() {
  tell("Looking for the face.");
  const { source, frame } = state;
  state.searching++;
  const found = await searchFace(state.network, source, frame.mirror).finally(() => state.searching--);
  const same = state.source === source || (source.kind === "camera" && state.camera);
  if (!same) return changed(); // meanwhile another image was chosen
  if (!found) return tell("No face was found. Drag it into the frame, then press Fit the frame.");
  Object.assign(state, { frame: found, first: { ...found } });
  controlsFromFrame();
  changed();
  if (state.camera) tell("The camera is on. Follow keeps the frame on the face.");
}

async function startCamera() {
  if (!navigator.mediaDevices?.getUserMedia) return tell("No camera here: the browser wants https or localhost.");
  at("camera").disabled = true; // until it is there: no second one
  const video = document.createElement("video");
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: { ideal: 640 } } });
    Object.assign(video, { srcObject: stream, muted: true, playsInline: true });
    await video.play();
    state.camera = { stream, video, width: video.videoWidth, height: video.videoHeight };
  } catch (error) {
    video.srcObject?.getTracks().forEach((track) => track.stop());
    const why = { NotAllowedError: "it was not allowed", NotFoundError: "there is none" }[error.name] ?? error.message;
    return tell(`No camera: ${why}.`);
  } finally {
    at("camera").disabled = false;
  }
  press("camera", true);
  press("follow", true);
  at("follow").hidden = false;
  const { width, height } = state.camera;
  put(fromImage("camera", video, width, height), middleFrame({ width, height }, true));
  await lookForFace();
}

function stopCamera() {
  if (!state.camera) return;
  state.camera.stream.getTracks().forEach((track) => track.stop());
  state.camera = null;
  press("camera", false);
  at("follow").hidden = true;
}
