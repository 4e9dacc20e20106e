// The layers of a network, for one image: what each computes, how a gradient goes back through it, and which positions
// of its input a position of its output sees. A tensor is { c, h, w, data }: channels, height, width, and their values
// in this order in a Float32Array. Parameters are such arrays, too, as PyTorch stores them.

export function tensor(c, h, w, data = new Float32Array(c * h * w)) {
  return { c, h, w, data };
}

/** out (m x p) += a (m x n) b (n x p), or aT (n x m) b where `transposed`; flat, row after row. */
function product(a, b, out, m, n, p, transposed = false) {
  const [down, across] = transposed ? [1, m] : [n, 1];
  for (let i = 0; i < m; i++) {
    const row = out.subarray(i * p, (i + 1) * p), at = i * down;
    let k = 0;
    for (; k + 4 <= n; k += 4) { // four rows of b at once: out is read and written a quarter as often
      const [a0, a1, a2, a3] = [k, k + 1, k + 2, k + 3].map((l) => a[at + l * across]);
      const b0 = k * p, b1 = b0 + p, b2 = b1 + p, b3 = b2 + p;
      for (let j = 0; j < p; j++) row[j] += a0 * b[b0 + j] + a1 * b[b1 + j] + a2 * b[b2 + j] + a3 * b[b3 + j];
    }
    for (; k < n; k++) {
      const a0 = a[at + k * across], b0 = k * p;
      for (let j = 0; j < p; j++) row[j] += a0 * b[b0 + j];
    }
  }
  return out;
}

/** What each position of a k x k kernel meets in x, as rows of a matrix (c k k) x (oh ow); or, `back`, its rows added to x. */
function unfold({ c, h, w, data }, { k, stride, pad }, oh, ow, matrix, back = false) {
  for (let i = 0; i < c * k * k; i++) {
    const kx = i % k, ky = Math.floor(i / k) % k, plane = Math.floor(i / (k * k)) * h * w;
    for (let y = 0; y < oh; y++) {
      const row = y * stride - pad + ky;
      if (row < 0 || row >= h) continue;
      const there = plane + row * w - pad + kx, here = (i * oh + y) * ow;
      const first = Math.max(0, Math.ceil((pad - kx) / stride)), last = Math.min(ow - 1, Math.floor((w - 1 + pad - kx) / stride));
      if (back) for (let x = first; x <= last; x++) data[there + x * stride] += matrix[here + x];
      else for (let x = first; x <= last; x++) matrix[here + x] = data[there + x * stride];
    }
  }
  return matrix;
}

const outSize = (size, { k, stride, pad }) => Math.floor((size + 2 * pad - k) / stride) + 1;

/** Positions lo..hi of the output of a k x k window see lo..hi of its input. */
const kernelSees = ([lo, hi], { k, stride = 1, pad = 0 }) => [lo * stride - pad, hi * stride - pad + k - 1];

/** Each layer: run(inputs, node) -> output; back(gradient, node, inputs, output) -> one for each input; sees. */
export const LAYERS = {
  conv: {
    run([x], { weight, bias, ...kernel }) {
      const { k } = kernel, oh = outSize(x.h, kernel), ow = outSize(x.w, kernel), n = x.c * k * k;
      const out = tensor(bias.length, oh, ow);
      bias.forEach((value, o) => out.data.fill(value, o * oh * ow, (o + 1) * oh * ow));
      const columns = k === 1 ? x.data : unfold(x, kernel, oh, ow, new Float32Array(n * oh * ow));
      product(weight, columns, out.data, out.c, n, oh * ow);
      return out;
    },
    back(gradient, { weight, bias, ...kernel }, [x]) {
      const n = x.c * kernel.k ** 2, places = gradient.h * gradient.w;
      const columns = product(weight, gradient.data, new Float32Array(n * places), n, gradient.c, places, true);
      if (kernel.k === 1) return [tensor(x.c, x.h, x.w, columns)];
      const out = tensor(x.c, x.h, x.w);
      unfold(out, kernel, gradient.h, gradient.w, columns, true);
      return [out];
    },
    sees: kernelSees,
  },

  norm: { // batch normalisation in use: one factor and one summand for each channel
    run: ([x], { factor, summand }) => eachChannel(x, (v, c) => v * factor[c] + summand[c]),
    back: (gradient, { factor }) => [eachChannel(gradient, (v, c) => v * factor[c])],
    sees: (range) => range,
  },

  relu: {
    run: ([x]) => tensor(x.c, x.h, x.w, x.data.map((v) => Math.max(v, 0))),
    back: (gradient, _, [x]) => [tensor(x.c, x.h, x.w, gradient.data.map((v, i) => (x.data[i] > 0 ? v : 0)))],
    sees: (range) => range,
  },

  pool: { // the largest of two by two
    run([x]) {
      const out = tensor(x.c, x.h >> 1, x.w >> 1);
      eachOf(out, (i, c, y, column) => { out.data[i] = x.data[largestOfFour(x, c, y, column)]; });
      return out;
    },
    back(gradient, _, [x]) {
      const out = tensor(x.c, x.h, x.w);
      eachOf(gradient, (i, c, y, column) => { out.data[largestOfFour(x, c, y, column)] += gradient.data[i]; });
      return [out];
    },
    sees: (range) => kernelSees(range, { k: 2, stride: 2 }),
  },

  up: { // each pixel four times, two by two
    run([x]) {
      const out = tensor(x.c, 2 * x.h, 2 * x.w);
      eachOf(out, (i, c, y, column) => { out.data[i] = x.data[(c * x.h + (y >> 1)) * x.w + (column >> 1)]; });
      return out;
    },
    back(gradient, _, [x]) {
      const out = tensor(x.c, x.h, x.w);
      eachOf(gradient, (i, c, y, column) => { out.data[(c * x.h + (y >> 1)) * x.w + (column >> 1)] += gradient.data[i]; });
      return [out];
    },
    sees: ([lo, hi]) => [lo >> 1, hi >> 1],
  },

  add: {
    run: ([first, ...others]) => others.reduce(plus, first),
    back: (gradient, node) => node.from.map(() => gradient),
    sees: (range) => range,
  },

  linear: {
    run: ([x], { weight, bias }) => tensor(bias.length, 1, 1,
      product(weight, x.data, Float32Array.from(bias), bias.length, x.data.length, 1)),
    back: (gradient, { weight }, [x]) => [tensor(x.c, x.h, x.w,
      product(weight, gradient.data, new Float32Array(x.data.length), x.data.length, gradient.c, 1, true))],
    sees: () => [-Infinity, Infinity],
  },
};

function eachChannel({ c, h, w, data }, value) {
  const out = tensor(c, h, w);
  for (let channel = 0, i = 0; channel < c; channel++)
    for (const end = i + h * w; i < end; i++) out.data[i] = value(data[i], channel);
  return out;
}

/** The sum of two tensors. */
export const plus = (a, b) => tensor(a.c, a.h, a.w, a.data.map((v, i) => v + b.data[i]));

function eachOf({ c, h, w }, visit) {
  for (let i = 0, channel = 0; channel < c; channel++)
    for (let y = 0; y < h; y++)
      for (let x = 0; x < w; x++) visit(i++, channel, y, x);
}

/** Where in x the largest of the four values is over which pixel (y, column) of the pooled channel c lies. */
function largestOfFour({ h, w, data }, c, y, column) {
  let best = (c * h + 2 * y) * w + 2 * column;
  for (const i of [best + 1, best + w, best + w + 1]) if (data[i] > data[best]) best = i;
  return best;
}
