// A network as a list of layers in the order in which they run, built from the names of its weights. Each node is
// { op, from, ... }: a key of LAYERS, the positions in the list of its inputs (-1: the image), and its parameters.
// A node that is shown has a `stage`, too: { stack, level, role }.

/** Weights of a .safetensors file by name, without their first word "network.", and the model's config. */
export function readWeights(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset), length = view.getUint32(0, true);
  const contents = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  const { __metadata__: metadata, ...tensors } = contents, weights = new Map();
  for (const [name, { dtype, shape, data_offsets: [from, to] }] of Object.entries(tensors)) {
    if (dtype !== "F16" && dtype !== "F32") continue; // a counter of batch normalisation
    const size = dtype === "F16" ? 2 : 4, values = new Float32Array((to - from) / size);
    for (let i = 0, at = 8 + length + from; i < values.length; i++, at += size)
      values[i] = size === 4 ? view.getFloat32(at, true) : half(view.getUint16(at, true));
    weights.set(name.replace("network.", ""), { shape, values });
  }
  return { weights, config: JSON.parse(metadata.facekp) };
}

/** The number that sixteen bits stand for. */
function half(bits) {
  const sign = bits >> 15 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
}

/** Functions that append layers to `nodes` and return their positions. */
function layersOf(nodes, weights) {
  const values = (name) => weights.get(name).values;
  const add = (op, from, parameters = {}) => nodes.push({ op, from, ...parameters }) - 1;
  return {
    add,
    relu: (x) => add("relu", [x]),
    conv(x, name, { stride = 1, pad = 0 } = {}) {
      const { shape: [, , k], values: weight } = weights.get(`${name}.weight`);
      return add("conv", [x], { weight, bias: values(`${name}.bias`), k, stride, pad });
    },
    linear: (x, name) => add("linear", [x], { weight: values(`${name}.weight`), bias: values(`${name}.bias`) }),
    norm(x, name) {
      const factor = values(`${name}.weight`).map((w, c) => w / Math.sqrt(values(`${name}.running_var`)[c] + 1e-5));
      const summand = values(`${name}.bias`).map((b, c) => b - values(`${name}.running_mean`)[c] * factor[c]);
      return add("norm", [x], { factor, summand });
    },
    /** Mark the node at position x as shown. */
    show(x, stack, level, role) {
      nodes[x].stage = { stack, level, role };
      return x;
    },
  };
}

/** The graph of a model: { nodes, outputs }, outputs being the positions of each stack's maps, or of the coordinates. */
export function buildGraph({ weights, config }) {
  const nodes = [], layers = layersOf(nodes, weights);
  const outputs = weights.has("stem.0.weight") ? stackedHourglass(layers, weights) : cnn3(layers);
  return { nodes, outputs, head: config.head, keypoints: config.scheme.names };
}

/** facekp.models.hourglass.StackedHourglass */
function stackedHourglass(layers, weights) {
  const { conv, norm, relu, add, show } = layers, outputs = [];
  let x = relu(norm(conv(-1, "stem.0", { stride: 2, pad: 3 }), "stem.1"));
  for (const i of [3, 5, 6]) x = residual(layers, weights, x, `stem.${i}`); // stem.4 does nothing at stride 2
  for (let s = 0; weights.has(`heads.${s}.weight`); s++) {
    show(x, s, 0, "in");
    let features = hourglass(layers, weights, x, `hourglasses.${s}.0`, s, 0);
    features = residual(layers, weights, features, `hourglasses.${s}.1`);
    features = relu(norm(conv(features, `hourglasses.${s}.2`), `hourglasses.${s}.3`));
    const maps = show(conv(show(features, s, 0, "features"), `heads.${s}`), s, 0, "maps");
    outputs.push(maps);
    if (weights.has(`feed_maps.${s}.weight`)) {
      const fed = show(conv(features, `feed_features.${s}`), s, 0, "feed-features");
      x = add("add", [x, fed, show(conv(maps, `feed_maps.${s}`), s, 0, "feed-maps")]);
    }
  }
  return outputs;
}

/** facekp.models.hourglass.Hourglass; `level` 0 is the outermost. */
function hourglass(layers, weights, x, name, stack, level) {
  const { add, show } = layers;
  const skip = show(residual(layers, weights, x, `${name}.skip`), stack, level, "skip");
  let low = show(residual(layers, weights, add("pool", [x]), `${name}.before`), stack, level + 1, "in");
  low = weights.has(`${name}.inner.before.body.0.weight`)
    ? hourglass(layers, weights, low, `${name}.inner`, stack, level + 1)
    : show(residual(layers, weights, low, `${name}.inner`), stack, level + 1, "bottleneck");
  low = show(add("up", [residual(layers, weights, low, `${name}.after`)]), stack, level, "up");
  return show(add("add", [skip, low]), stack, level, "sum");
}

/** facekp.models.hourglass.Residual */
function residual({ conv, norm, relu, add }, weights, x, name) {
  let change = conv(relu(norm(x, `${name}.body.0`)), `${name}.body.2`);
  change = conv(relu(norm(change, `${name}.body.3`)), `${name}.body.5`, { pad: 1 });
  change = conv(relu(norm(change, `${name}.body.6`)), `${name}.body.8`);
  return add("add", [weights.has(`${name}.skip.weight`) ? conv(x, `${name}.skip`) : x, change]);
}

/** facekp.models.reference.cnn3: three convolutions, three linear layers. */
function cnn3({ conv, relu, add, linear, show }) {
  let x = -1;
  for (const [level, i] of [0, 4, 8].entries()) {
    x = show(relu(conv(x, `${i}`)), 0, level, "conv");
    x = show(add("pool", [x]), 0, level, "pool");
  }
  x = show(relu(linear(x, "13")), 0, 3, "hidden");
  x = show(relu(linear(x, "16")), 0, 4, "hidden");
  return [show(linear(x, "18"), 0, 5, "coordinates")];
}
