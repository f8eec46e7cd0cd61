"use strict";
document.documentElement.classList.remove("plain");

// Tables sort by the column whose head is pressed, and show the rows that hold all words typed.
for (const box of document.querySelectorAll(".sortable")) {
  const body = box.querySelector("tbody");
  const heads = [...box.querySelectorAll("th")];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const rising = head.getAttribute("aria-sort") !== "ascending";
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", rising ? "ascending" : "descending");
    const rank = (row) => row.cells[column].dataset.rank;
    const rows = [...body.rows];
    const numbers = rows.every((row) => rank(row) === "" || !Number.isNaN(Number(rank(row))));
    rows.sort((a, b) => {
      if (rank(a) === "" || rank(b) === "") return (rank(a) === "") - (rank(b) === "");
      const order = numbers ? rank(a) - rank(b) : rank(a).localeCompare(rank(b));
      return rising ? order : -order;
    });
    body.append(...rows);
  }));
  box.querySelector("input").addEventListener("input", (event) => {
    const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of body.rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
  });
}

// A locus draws its interactive picture when it is opened, by hand or by a link to it.
function draw(details) {
  const target = details.querySelector(".live[data-item]");
  if (!details.open || target === null || typeof Bokeh === "undefined") return;
  const item = JSON.parse(document.getElementById(target.dataset.item).textContent);
  delete target.dataset.item;
  Bokeh.embed.embed_item(item, target.id);
}
for (const details of document.querySelectorAll("details")) {
  details.addEventListener("toggle", () => draw(details));
  draw(details);
}
function follow() {
  const place = document.getElementById(location.hash.slice(1));
  if (place instanceof HTMLDetailsElement) { place.open = true; place.scrollIntoView(); }
}
window.addEventListener("hashchange", follow);
window.addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
follow();
