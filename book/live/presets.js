"use strict";
// Presets, such as "turn=60" or "cover=1&point=1": what a sentence of the book speaks of, shown on a synthetic face. They
// come in this page's address (?turn=60) or, in the book's page, as a message when a link of the text is pressed.

const PRESET = { face: 0, turn: 0, blur: 0, cover: 0, mirror: 0, point: 10 }; // degrees, pixels, yes or no, a keypoint

/** Until the network has looked at all there is. */
async function atRest() {
  while (busy || wanted || !answer) await new Promise((resume) => setTimeout(resume, 10));
}

/** Start the network if need be, put a synthetic face there and change it as `text` says. */
async function showPreset(text) {
  const wish = Object.fromEntries([...new URLSearchParams(text)].filter(([name]) => name in PRESET)
    .map(([name, value]) => [name, Number(value)]));
  if (!state.network) await start();
  if (!state.network || Object.values(wish).some(Number.isNaN)) return;
  const { face, turn, blur, cover, mirror, point } = { ...PRESET, ...wish };
  (at("faces").children[face] ?? at("faces").children[0]).click();
  state.chosen = Math.min(Math.max(point, 0), CARD.keypoints.length - 1);
  await atRest();
  if (cover) toggleCover(); // where the eye is now, before the image turns
  at("blur").value = blur;
  moveFrame({ turn: turn * Math.PI / 180, mirror: Boolean(mirror) });
}
