// The picture before and after, behind one boundary that a slider, the pointer or the arrow keys move.
const [frame, split, divider] = ["frame", "split", "divider"].map((id) => document.getElementById(id));
const canvases = { before: document.getElementById("before"), after: document.getElementById("after") };

export function show({ width, height, before, after }) {
  for (const [name, pixels] of Object.entries({ before, after })) {
    const canvas = canvases[name];
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    canvas.getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
  }
  frame.hidden = false;
  // as large as the column, but neither blown up beyond twice its size nor higher than the window
  frame.style.width = `min(100%, ${2 * width}px, ${(80 * width) / height}vh)`;
  frame.style.aspectRatio = `${width} / ${height}`;
  move();
}

function move() {
  canvases.before.style.clipPath = `inset(0 ${100 - split.value}% 0 0)`;
  divider.style.left = `${split.value}%`;
}

split.addEventListener("input", move);
const follow = (event) => {
  const { left, width } = frame.getBoundingClientRect();
  split.value = (100 * (event.clientX - left)) / width;
  move();
};
frame.addEventListener("pointerdown", (event) => {
  frame.setPointerCapture(event.pointerId);
  follow(event);
});
frame.addEventListener("pointermove", (event) => {
  if (frame.hasPointerCapture(event.pointerId)) follow(event);
});
