// The page: from a picture and the controls to a request for the worker, and from its answers to what is shown.
import { explain } from "./certificate.js";
import { accept } from "./files.js";
import { show } from "./viewer.js";

const $ = (id) => document.getElementById(id);
const LARGEST = 16e6, SMALLEST = 8; // pixels in all, and each way
let worker, picture, request = 0, timer, current, described = {};

const filters = await (await fetch("filters.json")).json();
$("filters").append(...filters.map(({ key, title, text }, i) => {
  const label = element("label", { className: "choice" }, element("input", { type: "radio", name: "filter", value: key, checked: i === 0 }));
  label.append(element("span", {}, title, element("small", {}, text)));
  return label;
}));
const chosen = () => filters.find(({ key }) => key === document.querySelector("input[name=filter]:checked").value);

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function fail(text) {
  $("error").textContent = text;
  $("error").hidden = !text;
  if (!text) return;
  $("error").scrollIntoView({ block: "nearest" });
  idle();
}

const busy = () => document.body.setAttribute("aria-busy", "true");

function idle() {
  $("progress").hidden = $("stop").hidden = true;
  document.body.removeAttribute("aria-busy");
}

function broken(text) {
  worker = null;
  fail(text);
}

function start() {
  worker?.terminate();
  worker = new Worker("worker.js", { type: "module" });
  worker.addEventListener("message", ({ data }) => answers[data.type]?.(data));
  worker.addEventListener("error", (event) => broken(`The part of the page that computes could not start${event.message ? `: ${event.message}` : ""}. Is all of the folder served that demo/build.py made?`));
  if (picture) worker.postMessage({ type: "picture", ...picture });
}

// 8-bit RGBA of an image file.
async function open(blob, name = blob.name ?? "picture") {
  fail("");
  busy();
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { premultiplyAlpha: "none" });
  } catch {
    return fail(`${name} is no picture that this browser can read. PNG, JPEG, WebP and AVIF are; for 16 bits or TIFF use keras-pde denoise.`);
  }
  const { width, height } = bitmap, size = `${name} has ${width} × ${height} pixels`;
  if (Math.min(width, height) < SMALLEST) return fail(`${size}, and at least ${SMALLEST} each way are needed.`);
  if (width * height > LARGEST) return fail(`${size}, and this page takes ${LARGEST / 1e6} million at most. Make it smaller, or use keras-pde denoise, which takes any size.`);
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  picture = { width, height, rgba: context.getImageData(0, 0, width, height).data, name };
  worker?.postMessage({ type: "picture", ...picture });
  run();
}

async function sample(file) {
  busy();
  const answer = await fetch(file);
  if (!answer.ok) return fail(`${file} could not be loaded (${answer.status}). Build the page again: python demo/build.py FOLDER`);
  $("added").value = 25;
  await open(await answer.blob(), file);
}

// The newest request is the one that counts; the worker drops those it overtakes.
function run() {
  clearTimeout(timer);
  if (!picture || !worker) return;
  busy();
  timer = setTimeout(() => {
    if (!worker) return;
    fail("");
    request += 1;
    const filter = chosen(), timed = Boolean(filter.timed);
    current = {
      type: "filter", id: request, filter: filter.key, name: { grey: filter.grey, colour: filter.colour },
      added: Number($("added").value), sigma: $("sigma-auto").checked ? null : Number($("sigma").value),
      time: timed && !$("time-auto").checked ? Number($("time").value) : null,
    };
    $("stop").hidden = false;
    worker.postMessage(current);
  }, 120);
}

const number = (x, digits = 1) => String(Number(x.toFixed(digits)));
const answers = {
  about({ id, about, bytes, level, time, estimated }) {
    if (id !== request) return;
    described = { about, bytes, level, time };
    if ($("sigma-auto").checked) $("sigma").value = level;
    if (about.time && $("time-auto").checked) $("time").value = time;
    $("sigma-how").textContent = estimated ? "estimated from the picture, as white noise" : "as much as was added";
    labels();
    certificate();
  },
  loading({ id }) {
    if (id !== request) return;
    $("progress").hidden = false;
    $("progress").removeAttribute("value");
    $("status").textContent = "Loading the network";
  },
  progress({ id, done, of }) {
    if (id !== request) return;
    $("progress").hidden = false;
    if (of > 1) $("progress").value = done / of;
    else $("progress").removeAttribute("value");
    $("status").textContent = of > 1 ? `Tile ${done + 1} of ${of}` : "Computing";
  },
  result(message) {
    if (message.id !== request) return;
    const { width, height, channels, seconds, tiles, measured, exact } = message;
    show(message);
    const parts = [`${width} × ${height} ${channels === 1 ? "grey" : "colour"}, ${seconds.toFixed(2)} s`];
    if (tiles > 1) parts.push(`${tiles} tiles${exact ? ", equal to the whole" : ", nearly equal to the whole"}`);
    if (measured) parts.unshift(`${measured.before.toFixed(2)} dB become ${measured.after.toFixed(2)} dB`);
    if (described.level === 0) parts.unshift("No noise to remove: the picture is as it was");
    $("status").textContent = parts.join(" · ");
    $("after").toBlob((blob) => {
      URL.revokeObjectURL($("save").href);
      $("save").href = URL.createObjectURL(blob);
      $("save").hidden = false;
      if (message.id === request) idle();
    });
  },
  error({ id, text }) {
    if (id === undefined || id === request) fail(text);
  },
};

function labels() {
  $("added-value").textContent = $("added").value;
  $("sigma-value").textContent = number(Number($("sigma").value));
  $("time-value").textContent = number(Number($("time").value), 2);
  $("timing").hidden = !chosen().timed;
}

function certificate() {
  const { about, bytes, time } = described;
  if (!about) return;
  const { statements, assumptions, steps } = explain(about, time);
  const when = about.inputs.noise ? ` at every noise level${steps ? `, for the stopping time ${number(time, 2)}` : ""}` : "";
  $("certificate-of").textContent = `${about.name}${when}; computed from the weights and kept in the ONNX file.`;
  $("steps").textContent = steps ? `${steps.count} explicit steps of ${number(steps.size, 4)}; never longer than ${number(about.time["largest step"], 4)}, 95 % of what is stable: so the certificate below holds at every time.` : "";
  $("statements").replaceChildren(...statements.map(({ title, verdict, proved, says, because, formal }) => element("div", {},
    element("dt", {}, title, element("span", { className: proved ? "yes" : "no" }, `${proved ? "✓" : "–"} ${verdict}`)),
    element("dd", {}, says, element("span", { className: "hint" }, because, element("br", {}), `In the file: ${formal}`)),
  )));
  $("assumptions").replaceChildren(...assumptions.map(({ words }) => element("li", {}, words)));
  const facts = {
    "What it is": about.description, Class: about.class, Size: `${Math.ceil(bytes / 1000)} kB`, Licence: about.licence, "Made from": about.data,
    "Pixels that count": about.reach.exact ? `up to ${about.reach.pixels} away, for ${about.reach.of}` : `the whole picture; tiles of large ones overlap by ${about.reach.pixels}`,
  };
  $("about").replaceChildren(...Object.entries(facts).filter(([, value]) => value).flatMap(([key, value]) => [element("dt", {}, key), element("dd", {}, value)]));
}

start();
accept(open, $("stage"));
for (const button of document.querySelectorAll("[data-sample]")) button.addEventListener("click", () => sample(button.dataset.sample));
$("controls").addEventListener("submit", (event) => event.preventDefault());
$("controls").addEventListener("input", ({ target }) => {
  if (target.id === "sigma" || target.id === "time") $(`${target.id}-auto`).checked = false;
  labels();
  if (described.about?.time && chosen().timed) {
    described.time = Number($("time").value);
    certificate(); // at once, before the picture
  }
  run();
});
$("stop").addEventListener("click", () => {
  start();
  request += 1;
  idle();
  $("status").textContent = "Stopped.";
});
labels();
$("starting").remove();
// for the console and for tests: the last request, and the numbers behind the pixels
globalThis.demo = {
  request: () => current,
  floats: () => new Promise((resolve) => {
    worker.addEventListener("message", ({ data }) => data.type === "floats" && resolve(data));
    worker.postMessage({ type: "floats" });
  }),
};
await sample("sample-grey.png");
