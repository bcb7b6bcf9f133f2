// Everything that takes time, away from the page: networks by ONNX Runtime, tiles, noise, and measurements.
import * as ort from "./vendor/ort.wasm.min.mjs";
import { metadata } from "./metadata.js";
import { addNoise, estimate, psnr, stoppingTime } from "./noise.js";
import { cut, paste, plan } from "./tiles.js";
import { at } from "./certificate.js";

ort.env.wasm.wasmPaths = new URL("./vendor/", import.meta.url).href;
ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency) : 1; // threads need an isolated page
ort.env.logLevel = "error";

const EXACT_SIDE = 512, WHOLE_SIDE = 1024; // pixels of a tile each way; a network that sees the whole picture gets a larger one
const networks = new Map();
let picture, before, after, latest = 0;

self.onmessage = async ({ data: message }) => {
  try {
    if (message.type === "picture") picture = open(message);
    if (message.type === "floats") self.postMessage({ type: "floats", before, after });
    if (message.type !== "filter") return;
    latest = message.id;
    await new Promise((resolve) => setTimeout(resolve)); // a newer request may be waiting
    if (message.id === latest) await filter(message);
  } catch (error) {
    self.postMessage({ type: "error", id: message.id, text: error.message ?? String(error) });
  }
};

// Pixels in [0, 1] of 8-bit RGBA: one channel where red, green and blue are equal everywhere.
function open({ width, height, rgba }) {
  let grey = true;
  for (let i = 0; grey && i < rgba.length; i += 4) grey = rgba[i] === rgba[i + 1] && rgba[i] === rgba[i + 2];
  const channels = grey ? 1 : 3, data = new Float32Array(width * height * channels);
  for (let p = 0; p < width * height; p++) for (let c = 0; c < channels; c++) data[p * channels + c] = rgba[4 * p + c] / 255;
  before = after = undefined;
  return { width, height, channels, data, rgba, added: 0 };
}

async function filter({ id, name, added, sigma, time }) {
  const source = noisy(added);
  const level = sigma ?? (added || Math.min(60, estimate(source)));
  const network = await load(name[source.channels === 1 ? "grey" : "colour"], id);
  const stop = network.about.time ? time ?? stoppingTime(network.about.time["tuned for noise"], level) : undefined;
  self.postMessage({ type: "about", id, about: network.about, bytes: network.bytes, level, time: stop, estimated: sigma === null && !added });
  const started = performance.now();
  const tiles = await run(network, source, level, stop, id);
  if (!tiles) return; // overtaken
  const seconds = (performance.now() - started) / 1000;
  const measured = added ? { before: psnr(picture.data, source.data), after: psnr(picture.data, after.data, true) } : null;
  const images = { before: toRgba(before), after: toRgba(after) };
  const { width, height, channels } = source;
  self.postMessage(
    { type: "result", id, seconds, tiles, measured, width, height, channels, threads: ort.env.wasm.numThreads, exact: network.about.reach.exact, ...images },
    [images.before.buffer, images.after.buffer],
  );
}

function noisy(added) {
  if (before?.added !== added) before = { ...picture, added, data: added ? addNoise(picture.data, added) : picture.data };
  return before;
}

async function load(name, id) {
  if (networks.has(name)) return networks.get(name);
  self.postMessage({ type: "loading", id });
  const answer = await fetch(`models/${name}.onnx`);
  if (!answer.ok) throw new Error(`The network ${name} could not be loaded (${answer.status} ${answer.statusText}). Build the page again: python demo/build.py FOLDER`);
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const about = metadata(bytes);
  const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  networks.set(name, { about, session, bytes: bytes.length });
  return networks.get(name);
}

// The filter on all tiles; false where a newer request came in between.
async function run({ about, session }, source, level, time, id) {
  const target = { ...source, data: new Float32Array(source.data.length) };
  const planar = source.channels === 3 && channelsOf(session) === 1, batch = planar ? 3 : 1;
  const halo = about.reach.pixels * (about.time ? at(about.time, time).steps : 1);
  const tiles = level === 0 ? [] : plan(source.width, source.height, halo, about.reach.exact ? EXACT_SIDE : WHOLE_SIDE, about.reach["tiles begin at multiples of"]);
  if (level === 0) target.data.set(source.data); // nothing to remove
  for (const [done, tile] of tiles.entries()) {
    self.postMessage({ type: "progress", id, done, of: tiles.length });
    const [left, top, right, bottom] = tile.window;
    const shape = [batch, bottom - top, right - left, planar ? 1 : source.channels];
    const feeds = { image: new ort.Tensor("float32", cut(source, tile.window, planar), shape) };
    if (about.inputs.noise) feeds.noise = new ort.Tensor("float32", new Float32Array(batch).fill(level / 255), [batch]);
    if (about.time) feeds.time = new ort.Tensor("float32", new Float32Array(batch).fill(time), [batch]);
    const results = await session.run(feeds);
    const output = results[session.outputNames[0]];
    paste(target, tile, output.data, planar);
    await new Promise((resolve) => setTimeout(resolve)); // let newer requests in
    if (id !== latest) return false;
  }
  after = target;
  return Math.max(1, tiles.length);
}

const channelsOf = (session) => session.inputMetadata.find((input) => input.name === "image").shape.at(-1);

function toRgba({ channels, data, rgba }) {
  const out = new Uint8ClampedArray(rgba.length); // rounds and clips
  for (let p = 0; p < out.length / 4; p++) {
    for (let c = 0; c < 3; c++) out[4 * p + c] = 255 * data[p * channels + (channels === 1 ? 0 : c)];
    out[4 * p + 3] = rgba[4 * p + 3];
  }
  return out;
}
