"use strict";
// Where images come from: synthetic faces, a photo, the camera.

/** Show another image, in the frame given or in its middle. */
function put(source, frame = middleFrame(source)) {
  if (source.kind !== "camera") stopCamera();
  Object.assign(state, { source, first: frame, faces: [], shown: -1 });
  at("next").hidden = true;
  restore();
}

/** The image as it was at first. */
function restore() {
  Object.assign(state, { frame: { ...state.first }, cover: null });
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

/** Put the frame on the largest face; further ones are a button away. */
async function lookForFace() {
  tell("Looking for faces.");
  const { source, frame } = state, same = () => state.source === source || (source.kind === "camera" && state.camera);
  state.searching++;
  try {
    const detector = await openDetector(), found = [];
    for (const face of await findFaces(detector, source)) {
      const fit = await frameOf(state.network, source, face, frame.mirror);
      if (fit) found.push(fit);
    }
    if (!same()) return changed(); // meanwhile another image was chosen
    state.faces = found;
  } catch (error) {
    return tell(`The face detector could not run: ${error.message}`);
  } finally {
    state.searching--;
  }
  at("next").hidden = state.camera || state.faces.length < 2;
  if (!state.faces.length) return tell("No face was found. Drag it into the frame, then press Fit the frame.");
  showNextFace();
  if (state.camera) tell("The camera is on. Follow keeps the frame on the face.");
}

/** Put the frame on the next one of the faces in the photo. */
function showNextFace() {
  state.shown = (state.shown + 1) % state.faces.length;
  state.first = state.faces[state.shown];
  at("next").textContent = `Next face (${state.shown + 1} of ${state.faces.length})`;
  restore();
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
