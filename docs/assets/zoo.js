// A line of the zoo stays where it holds every word that is typed; a task without lines goes.
document.addEventListener("DOMContentLoaded", () => {
  const field = document.querySelector("#zoo-filter");
  if (!field) return;
  const rows = [...document.querySelectorAll(".md-content table tbody tr")];
  const text = rows.map((row) => {
    const heading = [...document.querySelectorAll(".md-content h2")]
      .filter((h) => h.compareDocumentPosition(row) & Node.DOCUMENT_POSITION_FOLLOWING).pop();
    return `${heading ? heading.textContent : ""} ${row.textContent}`.toLowerCase();
  });
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    rows.forEach((row, i) => { row.hidden = !words.every((word) => text[i].includes(word)); });
  });
});
