// A canvas to draw on with the mouse, a finger or a pen, and where pictures are shown.
const PEN = 34; // width of a line on a canvas of 320
const pad = document.getElementById("pad"), context = pad.getContext("2d", { willReadFrequently: true });
let drawing = false, last;

export function clear() {
  context.fillStyle = "#000";
  context.fillRect(0, 0, pad.width, pad.height);
  drawing = false;
}

// A picture as large as fits, in place of a drawing.
export function put(bitmap) {
  clear();
  const scale = Math.min(pad.width / bitmap.width, pad.height / bitmap.height), [w, h] = [scale * bitmap.width, scale * bitmap.height];
  context.imageSmoothingEnabled = scale < 1;
  context.drawImage(bitmap, (pad.width - w) / 2, (pad.height - h) / 2, w, h);
}

export const pixels = () => ({ width: pad.width, height: pad.height, rgba: context.getImageData(0, 0, pad.width, pad.height).data });

function line(event) {
  const { left, top, width, height } = pad.getBoundingClientRect();
  const to = [((event.clientX - left) / width) * pad.width, ((event.clientY - top) / height) * pad.height];
  Object.assign(context, { strokeStyle: "#fff", lineWidth: PEN, lineCap: "round", lineJoin: "round" });
  context.beginPath();
  context.moveTo(...(last ?? to));
  context.lineTo(...to);
  context.stroke();
  last = to;
}

// Calls begin() before the first line on an empty canvas or on a picture, drawn() after each.
export function draw(begin, drawn) {
  pad.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    pad.setPointerCapture(event.pointerId);
    if (!drawing) begin();
    [drawing, last] = [true, undefined];
    line(event);
    drawn();
  });
  pad.addEventListener("pointermove", (event) => {
    if (!pad.hasPointerCapture(event.pointerId)) return;
    for (const one of event.getCoalescedEvents?.() ?? [event]) line(one);
    drawn();
  });
}

clear();
