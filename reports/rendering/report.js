// The page's own script: tables sort, a filter hides what is about other methods, data sets and backbones.
"use strict";

// A click on a header sorts by that column, a second click the other way round; rows without a value stay last.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  table.querySelectorAll("thead th").forEach((header, column) => header.addEventListener("click", () => {
    const down = header.getAttribute("aria-sort") === "ascending";
    const key = (row) => row.cells[column].dataset.order;
    const numeric = header.classList.contains("number");
    const compare = (a, b) => {
      if (key(a) === "" || key(b) === "") return (key(a) === "") - (key(b) === "");
      const sign = numeric ? key(a) - key(b) : key(a).localeCompare(key(b));
      return down ? -sign : sign;
    };
    for (const other of table.querySelectorAll("thead th")) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...[...body.rows].sort(compare));
  }));
}

// What is marked data-method="0 2" is about the first and the third method, and shown while one of them is chosen.
const filter = document.getElementById("filter");
if (filter) {
  const boxes = [...filter.querySelectorAll("input[type=checkbox]")];
  const kinds = [...new Set(boxes.map((box) => box.name))];
  const marked = [...document.querySelectorAll(kinds.map((kind) => `main [data-${kind}]`).join())];
  const about = marked.map((element) => kinds.map((kind) => (element.dataset[kind] ?? "").split(" ").filter(Boolean)));
  const bodies = [...document.querySelectorAll("main table.sortable")].map((table) => table.tBodies[0]);

  const apply = () => {
    const chosen = kinds.map((kind) => {
      const own = boxes.filter((box) => box.name === kind);
      return own.every((box) => box.checked) ? null : new Set(own.filter((box) => box.checked).map((box) => box.value));
    });
    marked.forEach((element, place) => element.classList.toggle("off", about[place].some((values, kind) =>
      chosen[kind] && values.length && !values.some((value) => chosen[kind].has(value)))));
    let shown = 0, rows = 0;
    for (const body of bodies) {
      const left = [...body.rows].filter((row) => !row.classList.contains("off")).length;
      body.parentElement.closest(".wide").nextElementSibling.hidden = left > 0 || body.rows.length === 0;
      shown += left;
      rows += body.rows.length;
    }
    filter.querySelector("output").textContent = chosen.some(Boolean) ? `${shown} of ${rows} rows of tables are shown.` : "";
  };

  filter.addEventListener("change", apply);
  filter.addEventListener("reset", () => setTimeout(apply));
  filter.hidden = false;
}

// What is far below is laid out one by one once the page is there: screen readers are told of nothing that is not.
addEventListener("load", () => {
  const late = [...document.querySelectorAll("figure, div > .wide")];
  const soon = window.requestIdleCallback ?? setTimeout;
  const next = () => {
    if (!late.length) return;
    late.shift().style.contentVisibility = "visible";
    soon(next);
  };
  soon(next);
});

// On paper nothing unfolds: how to read a table is printed, and closed again afterwards.
const folds = document.querySelectorAll("details.how:not([open])");
addEventListener("beforeprint", () => folds.forEach((fold) => { fold.open = true; }));
addEventListener("afterprint", () => folds.forEach((fold) => { fold.open = false; }));
