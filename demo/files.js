// Files by choice, drop or paste, each to open(file); what takes them looks so while one is dragged over the page.
export function accept(open, target) {
  const file = document.getElementById("file");
  file.addEventListener("change", () => {
    if (file.files[0]) open(file.files[0]);
    file.value = "";
  });
  addEventListener("dragover", (event) => {
    event.preventDefault();
    target.classList.add("over");
  });
  for (const name of ["dragleave", "drop"]) addEventListener(name, () => target.classList.remove("over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) open(event.dataTransfer.files[0]);
  });
  addEventListener("paste", (event) => {
    if (event.clipboardData.files[0]) open(event.clipboardData.files[0]);
  });
}
