// The page that names digits: from a drawing or a picture to the numbers of a network, to its answer and the radius that is proved.
import * as ort from "./vendor/ort.wasm.min.mjs";
import { rounded } from "./certificate.js";
import { accept } from "./files.js";
import { brightness, fitted, onPaper } from "./ink.js";
import { metadata } from "./metadata.js";
import { clear, draw, pixels, put } from "./pad.js";
import { answer, below } from "./radius.js";

ort.env.wasm.wasmPaths = new URL("./vendor/", import.meta.url).href;
ort.env.wasm.numThreads = 1; // an answer takes a millisecond
ort.env.logLevel = "error";

const $ = (id) => document.getElementById(id);
const LARGEST = 16e6; // pixels
const networks = new Map();
let source, current, queue = Promise.resolve(); // source: { picture, exact } in brightness; exact: a picture of the network's own size

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function fail(text) {
  $("error").textContent = text;
  $("error").hidden = !text;
  if (text) $("error").scrollIntoView({ block: "nearest" });
}

async function fetched(file) {
  const found = await fetch(file);
  if (!found.ok) throw new Error(`${file} could not be loaded (${found.status} ${found.statusText}). Build the page again: python demo/build.py FOLDER`);
  return found;
}

async function load(name) {
  if (networks.has(name)) return networks.get(name);
  $("status").textContent = "Loading the network";
  const bytes = new Uint8Array(await (await fetched(`classifiers/${name}.onnx`)).arrayBuffer());
  const about = metadata(bytes);
  if (!about.radius) throw new Error(`${name}.onnx does not say what its radius is computed from: export it again by keras_pde, in float64.`);
  const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] }).catch((error) => {
    throw new Error(`The network ${name} could not start: ${error.message}. Is all of the folder served that demo/build.py made?`);
  });
  const [{ type, shape }] = session.inputMetadata;
  networks.set(name, { about, session, bytes: bytes.length, type, rows: shape[1], columns: shape[2] });
  return networks.get(name);
}

const names = ({ about }) => about.outputs ?? about.radius.slopes.map((_, j) => String(j));
const chosen = () => list.find(({ key }) => key === document.querySelector("input[name=network]:checked").value);

// One after the other, and only the newest that waits.
function run() {
  document.body.setAttribute("aria-busy", "true");
  const mine = (current = {});
  queue = queue.then(async () => {
    if (mine !== current) return;
    try {
      const network = await load(chosen().network);
      about(network);
      if (source) show(network, await logits(network));
      else $("status").textContent = "No picture yet.";
      fail("");
    } catch (error) {
      $("status").textContent = "No answer.";
      fail(error.message ?? String(error));
    }
    if (mine === current) document.body.removeAttribute("aria-busy");
  });
}

async function logits({ session, type, rows, columns }) {
  const { width, height, data } = source.picture, same = width === columns && height === rows && source.exact;
  const ink = $("invert").checked && source.exact !== undefined ? { width, height, data: data.map((v) => 1 - v) } : source.picture;
  const numbers = same ? Float64Array.from(ink.data) : fitted(ink, rows, columns);
  source.numbers = numbers;
  const values = type === "float64" ? numbers : Float32Array.from(numbers);
  const results = await session.run({ [session.inputNames[0]]: new ort.Tensor(type, values, [1, rows, columns, 1]) });
  return results[session.outputNames[0]].data;
}

function paint(canvas, numbers, rows, columns) {
  [canvas.width, canvas.height] = [columns, rows];
  const image = new ImageData(columns, rows);
  numbers.forEach((v, p) => image.data.set([255 * v, 255 * v, 255 * v, 255], 4 * p));
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function show(network, z) {
  const found = answer(z, network.about.radius), said = names(network), { rows, columns } = network;
  source.found = found;
  paint($("seen"), source.numbers, rows, columns);
  const { label, nearest, margin, radius, distances } = found, count = rows * columns;
  $("name").textContent = said[label];
  const proved = radius > 0, r = below(radius);
  $("status").textContent = proved ? `Certified radius ${r} · margin ${below(margin)}, ahead of ${said[nearest]}` : "Certified radius 0: two answers are too near to each other for a proof.";
  $("proof").textContent = proved
    ? `No change e of the picture with ‖e‖₂ < ${r} changes the answer ${said[label]}. ‖e‖₂ is the root of the sum of the squares of all changes: one pixel by less than ${r}, or all ${count} by less than ${below(radius / Math.sqrt(count))} each. No attack is tried, it is a theorem: logits of ${said[label]} and of another class move apart no faster than their rows in the last layer lie apart.`
    : "Nothing is proved about this answer.";
  const [low, high] = [Math.min(...z), Math.max(...z)];
  const farthest = Math.max(...distances.filter(Number.isFinite));
  $("classes").replaceChildren(...said.map((name, j) => element("tr", { className: j === label ? "chosen" : "" },
    element("td", {}, name),
    element("td", {}, z[j].toFixed(2).replace("-", "−")),
    j === label ? element("td", {}, "the answer") : element("td", {}, element("meter", { min: 0, max: farthest || 1, value: distances[j], ariaLabel: `distance to ${name}` }), below(distances[j])),
  )));
  $("classes").parentElement.hidden = !(high >= low);
}

function about({ about: facts, bytes, type }) {
  const error = facts.radius.error, double = type === "float64";
  $("roundings").textContent = `This page computes in ${double ? "double" : "single"} precision; what that may round, at most ${rounded(error, 1)} in a difference of logits, is subtracted.`;
  const rows = { "What it is": facts.description, Class: facts.class, Size: `${Math.ceil(bytes / 1000)} kB`, Licence: facts.licence, "Made from": facts.data, "In the file": facts.radius.of };
  $("about").replaceChildren(...Object.entries(rows).filter(([, value]) => value).flatMap(([key, value]) => [element("dt", {}, key), element("dd", {}, value)]));
}

function forget(text) {
  source = undefined;
  $("name").textContent = "–";
  $("proof").textContent = "Draw a digit, open a picture or take one of the test digits: its answer comes with a radius.";
  $("classes").parentElement.hidden = $("inverting").hidden = true;
  $("invert").checked = false;
  $("source").textContent = text;
  paint($("seen"), [0], 1, 1);
}

function drawn() {
  const { width, height, rgba } = pixels();
  source = { picture: { width, height, data: brightness(rgba) }, exact: undefined };
  run();
}

// A picture of a file: of the network's own size it is taken as it is.
async function open(blob, name = blob.name ?? "picture") {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { premultiplyAlpha: "none" });
  } catch {
    return fail(`${name} is no picture that this browser can read. PNG, JPEG, WebP and AVIF are.`);
  }
  const { width, height } = bitmap;
  if (width * height > LARGEST) return fail(`${name} has ${width} × ${height} pixels, and this page takes ${LARGEST / 1e6} million at most. Make it smaller.`);
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff"; // behind what is transparent
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  forget(`${name}, ${width} × ${height}`);
  put(bitmap);
  const picture = { width, height, data: brightness(context.getImageData(0, 0, width, height).data) };
  source = { picture, exact: true };
  const { rows, columns } = networks.get(chosen().network) ?? {};
  $("inverting").hidden = false;
  $("invert").checked = !(width === columns && height === rows) && onPaper(picture);
  run();
}

// A strip of digits side by side, each a button.
async function samples() {
  const strip = await createImageBitmap(await (await fetched("sample-digits.png")).blob()), size = strip.height;
  for (let k = 0; k < strip.width / size; k++) {
    const canvas = new OffscreenCanvas(size, size), small = element("canvas", { width: size, height: size });
    for (const one of [canvas, small]) one.getContext("2d").drawImage(strip, -k * size, 0);
    const button = element("button", { type: "button", ariaLabel: `Digit ${k}` }, small);
    button.addEventListener("click", async () => open(await canvas.convertToBlob({ type: "image/png" }), `Test digit ${k}`));
    $("samples").append(button);
  }
}

const list = await (await fetched("classifiers.json")).json();
$("networks").append(...list.map(({ key, title, text }, i) => {
  const label = element("label", { className: "choice" }, element("input", { type: "radio", name: "network", value: key, checked: i === 0 }));
  label.append(element("span", {}, title, element("small", {}, text)));
  return label;
}));
forget("Draw a digit here.");
accept(open, $("pad"));
draw(() => {
  forget("Your drawing, cut out and made small");
  clear();
}, drawn);
$("clear").addEventListener("click", () => {
  clear();
  forget("Draw a digit here.");
  run();
});
$("controls").addEventListener("submit", (event) => event.preventDefault());
$("controls").addEventListener("input", run);
$("invert").addEventListener("input", run);
run();
await queue;
await samples().catch((error) => fail(error.message));
$("starting").remove();
// for the console and for tests: the numbers that the network got, and what was found
globalThis.demo = { numbers: () => Array.from(source.numbers), found: () => source.found };
