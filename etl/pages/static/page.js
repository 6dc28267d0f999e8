"use strict";
// Nothing here is needed to read a page or to decide on it: copying, filtering, sorting, pointing only.
document.documentElement.classList.add("js");

const words = document.body.dataset;

function addCopying(block) {
  if (!navigator.clipboard || block.querySelector(".copy")) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = words.copy || "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(block.querySelector("code").textContent);
    button.textContent = words.copied || "Copied";
    setTimeout(() => { button.textContent = words.copy || "Copy"; }, 1500);
  });
  block.append(button);
}

function addFilter(table) {
  const before = table.parentElement.previousElementSibling;
  if (before && before.classList.contains("filter")) return;
  const field = document.createElement("input");
  field.type = "search";
  field.className = "filter";
  field.placeholder = words.filter || "Filter…";
  field.setAttribute("aria-label", (words.filter || "Filter…") + " " + table.dataset.filter);
  field.addEventListener("input", () => {
    const wanted = field.value.trim().toLowerCase();
    for (const row of table.tBodies[0].rows) {
      row.hidden = !row.textContent.toLowerCase().includes(wanted);
    }
  });
  table.parentElement.before(field);
}

const valueOf = (row, column) => {
  const cell = row.cells[column];
  const value = cell.dataset.value ?? cell.textContent.trim();
  return value === "" || isNaN(value) ? value : Number(value);
};

function sortBy(table, head) {
  const down = head.getAttribute("aria-sort") === "descending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "ascending" : "descending");
  const sign = down ? 1 : -1;
  const rows = [...table.tBodies[0].rows].sort((a, b) => {
    const x = valueOf(a, head.cellIndex), y = valueOf(b, head.cellIndex);
    if (typeof x === "number" && typeof y === "number") return sign * (x - y);
    return sign * String(x).localeCompare(String(y), undefined, {numeric: true});
  });
  table.tBodies[0].append(...rows);
}

function addSorting(table) {
  for (const head of table.tHead.rows[0].cells) {
    if (head.querySelector(".sort") || head.tagName !== "TH") continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sortBy(table, head));
  }
}

function enhance() {
  document.querySelectorAll("[data-copy]:not(body)").forEach(addCopying);
  document.querySelectorAll("table[data-filter]").forEach(addFilter);
  document.querySelectorAll("table[data-sort]").forEach(addSorting);
}

// Pointing at a source or table dims all other edges of the diagram.
for (const svg of document.querySelectorAll("svg.lineage")) {
  for (const node of svg.querySelectorAll(".node")) {
    const side = "source" in node.dataset ? "source" : "table";
    const lit = [...svg.querySelectorAll(".edge")].filter((edge) => edge.dataset[side] === node.dataset[side]);
    const show = (on) => () => {
      svg.classList.toggle("active", on);
      for (const edge of lit) edge.classList.toggle("lit", on);
    };
    for (const event of ["pointerenter", "focus"]) node.addEventListener(event, show(true));
    for (const event of ["pointerleave", "blur"]) node.addEventListener(event, show(false));
  }
}

enhance();
document.addEventListener("htmx:after:swap", enhance);
