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

// What is packed in an element, as text.
async function unpacked(id) {
  const packed = Uint8Array.from(atob(document.getElementById(id).textContent),
    (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

// A locus draws its interactive picture when it is opened, by hand or by a link to it.
async function draw(details) {
  const target = details.querySelector(".live[data-item]");
  if (!details.open || target === null || typeof Bokeh === "undefined") return;
  const item = target.dataset.item;
  delete target.dataset.item;
  Bokeh.embed.embed_item(JSON.parse(await unpacked(item)), target.id);
}
const loci = document.querySelectorAll("details");
for (const details of loci) details.addEventListener("toggle", () => draw(details));

// Static pictures stay in a browser that cannot unpack what draws the others.
async function liven() {
  const library = document.createElement("script");
  library.textContent = await unpacked("library");
  document.head.append(library);
  document.documentElement.classList.add("lively");
  loci.forEach(draw);
}
if (document.getElementById("library") && typeof DecompressionStream !== "undefined") liven();
function follow() {
  const place = document.getElementById(location.hash.slice(1));
  if (place instanceof HTMLDetailsElement) { place.open = true; place.scrollIntoView(); }
}
window.addEventListener("hashchange", follow);
window.addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
follow();
