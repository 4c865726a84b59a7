"use strict";
// Sorting, filtering and curves. Without this script the page is complete but for the curves.

const compareText = new Intl.Collator("en", { numeric: true, sensitivity: "base" }).compare;

function cellKey(row, column, kind) {
  const cell = row.cells[column];
  if (kind === "text") return cell.textContent.trim();
  return cell.dataset.key === "" ? null : Number(cell.dataset.key);
}

function compareKeys(one, other, direction) {
  if (one === null || other === null) return (one === null) - (other === null); // unknown stays last
  return direction * (typeof one === "number" ? one - other : compareText(one, other));
}

function sortRows(table, column, kind, direction) {
  const body = table.tBodies[0];
  const keyed = Array.from(body.rows, (row) => [cellKey(row, column, kind), row]);
  keyed.sort(([one], [other]) => compareKeys(one, other, direction));
  body.append(...keyed.map(([, row]) => row));
}

function makeSortable(table) {
  const headings = Array.from(table.tHead.rows[0].cells);
  for (const heading of headings.filter((cell) => cell.dataset.sort)) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const ascending = heading.getAttribute("aria-sort") !== "ascending";
      for (const other of headings) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      sortRows(table, heading.cellIndex, heading.dataset.sort, ascending ? 1 : -1);
    });
  }
}

function fillChoices(select, rows) {
  const texts = rows.map((row) => row.cells[select.dataset.column].textContent.trim());
  const values = Array.from(new Set(texts)).sort(compareText);
  select.append(new Option("all", ""), ...values.map((value) => new Option(value, value)));
}

function makeFilters(form) {
  const rows = Array.from(document.getElementById(form.dataset.filters).tBodies[0].rows);
  const texts = rows.map((row) => row.textContent.toLowerCase().replace(/\s+/g, " "));
  const selects = Array.from(form.querySelectorAll("select[data-column]"));
  for (const select of selects) fillChoices(select, rows);

  function matches(row, position, words) {
    const state = form.elements.state.value;
    if (state && !row.dataset.state.split(" ").includes(state)) return false;
    if (!words.every((word) => texts[position].includes(word))) return false;
    return selects.every((select) => !select.value || row.cells[select.dataset.column].textContent.trim() === select.value);
  }

  function apply() {
    const words = form.elements.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, position) => {
      row.hidden = !matches(row, position, words);
      shown += !row.hidden;
    });
    form.querySelector("output").value = `${shown} of ${rows.length} cells`;
  }

  form.addEventListener("input", apply);
  form.addEventListener("reset", () => setTimeout(apply));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  apply();
}

// Curves: told as a first value and differences, in hundredths of a point.
function unpack({ e: epochs, d: differences }) {
  let level = 0;
  return differences.map((step, position) => {
    const epoch = Array.isArray(epochs) ? epochs[position] : epochs + position;
    return [epoch, (level += step) / 100];
  });
}

function svgElement(name, attributes, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

function scaleOf(curves) {
  const points = curves.flatMap((curve) => curve.points);
  const epochs = points.map(([epoch]) => epoch);
  const values = points.map(([, value]) => value);
  const low = Math.floor(Math.min(...values) / 10) * 10;
  const high = Math.max(low + 10, Math.ceil(Math.max(...values) / 10) * 10);
  return { first: Math.min(...epochs), last: Math.max(...epochs), low, high };
}

function drawCurves(figure, curves) {
  const { first, last, low, high } = scaleOf(curves);
  const x = (epoch) => 30 + (268 * (epoch - first)) / Math.max(last - first, 1);
  const y = (value) => 94 - (84 * (value - low)) / (high - low);
  const ends = curves.map(({ seed, points }) => `seed ${seed} ends at ${points.at(-1)[1]} %`).join(", ");
  const svg = svgElement("svg", { viewBox: "0 0 304 112", role: "img", "aria-label": `Test accuracy over epochs ${first} to ${last}: ${ends}.` });
  for (const value of [low, (low + high) / 2, high]) {
    svg.append(svgElement("path", { class: "grid", d: `M30 ${y(value)}H298` }));
    svg.append(svgElement("text", { x: 26, y: y(value) + 3, class: "end" }, value));
  }
  svg.append(svgElement("text", { x: 30, y: 107 }, `epoch ${first}`), svgElement("text", { x: 298, y: 107, class: "end" }, last));
  curves.forEach(({ points }, position) => {
    const path = points.map(([epoch, value]) => `${x(epoch).toFixed(1)} ${y(value).toFixed(1)}`).join("L");
    svg.append(svgElement("path", { class: `curve curve-${position % 5}`, d: `M${path}` }));
  });
  const caption = document.createElement("figcaption");
  caption.textContent = "Test accuracy (%) over epochs, one line per seed.";
  figure.append(svg, caption);
}

function fillCurve(cell, histories) {
  const figure = cell.querySelector("figure.curve");
  if (figure.childElementCount) return;
  const seeds = figure.dataset.seeds.split(" ");
  const curves = figure.dataset.runs.split(" ").flatMap((run, position) => {
    const points = Object.hasOwn(histories, run) ? unpack(histories[run]) : [];
    return points.length ? [{ seed: seeds[position], points }] : [];
  });
  if (curves.length) return drawCurves(figure, curves);
  const note = document.createElement("figcaption");
  note.textContent = "No training curve: not trained yet, or collapsed and so not trained.";
  figure.append(note);
}

function addCopyButton(command) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    getSelection().selectAllChildren(command.querySelector("code"));
    try {
      await navigator.clipboard.writeText(command.querySelector("code").textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Selected"; // a page opened from a file may not reach the clipboard
    }
  });
  command.append(button);
}

function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let element = target; element; element = element.parentElement) {
    if (element.tagName === "DETAILS") element.open = true;
  }
  target.scrollIntoView();
}

function start() {
  const histories = JSON.parse(document.getElementById("curves").textContent);
  document.querySelectorAll("table[data-sortable]").forEach(makeSortable);
  document.querySelectorAll("form[data-filters]").forEach(makeFilters);
  for (const cell of document.querySelectorAll("details.cell")) {
    cell.addEventListener("toggle", () => {
      if (!cell.open) return;
      fillCurve(cell, histories);
      const command = cell.querySelector(".command");
      if (!command.querySelector("button")) addCopyButton(command);
    });
  }
  addEventListener("hashchange", openTarget);
  openTarget();
}

start();
