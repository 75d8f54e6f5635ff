"use strict";
// The page can be read without this: it sorts tables and opens the runs behind a number, from data in the page.

const { params, runs, trainings, origins } = JSON.parse(document.querySelector("script#runs-data").textContent);
const audit = JSON.parse(document.querySelector("script#audit-data").textContent);
const panel = document.querySelector("dialog#panel");

// What the audit says of a number, the best first.
const WORDS = {
  "verified": "it follows from its runs, and all that it shows of them was computed again",
  "executed but unverified": "it follows from runs that are whole; not all that it shows of them was computed again, or one diverged",
  "missing": "a run, an analysis or the file itself is not there",
  "mismatch": "a run is damaged, or what is printed does not follow from the runs",
};

function element(name, attributes, ...children) {
  const svg = ["svg", "polyline", "path", "text"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  made.append(...children);
  return made;
}

// Put what an element holds into a button, so that it is reached by keyboard too.
function button(place, attributes, act) {
  const made = element("button", { type: "button", ...attributes }, ...place.childNodes);
  made.addEventListener("click", act);
  place.append(made);
  return made;
}

// ---- sorting: upwards, downwards, as it was; blocks of rows stay together, what is no number goes last

function key(row, column) {
  const text = row.cells[column].textContent.trim();
  return { row, text, number: parseFloat(text) };
}

function compare(one, other) {
  const words = isNaN(one.number) - isNaN(other.number);
  return words || (isNaN(one.number) ? one.text.localeCompare(other.text) : one.number - other.number);
}

function sortBody(body, original, column, direction) {
  let rows = original.filter((row) => row.className !== "block").map((row) => key(row, column));
  if (direction) rows.sort(compare);
  if (direction === "descending") {
    rows = rows.reverse();
    rows.sort((one, other) => (column ? isNaN(one.number) - isNaN(other.number) : 0));
  }
  body.append(...rows.map((one) => one.row)); // the title of the block stays where it is, before them
}

function sortable(table) {
  const originals = [...table.tBodies].map((body) => [body, [...body.rows]]);
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => button(head, {}, () => {
    const direction = { ascending: "descending", descending: "" }[head.getAttribute("aria-sort")] ?? "ascending";
    heads.forEach((each) => each.removeAttribute("aria-sort"));
    if (direction) head.setAttribute("aria-sort", direction);
    table.classList.toggle("sorted", direction !== "");
    originals.forEach(([body, rows]) => sortBody(body, rows, column, direction));
  }));
}

// ---- the panel: the runs behind a number

function title(place) {
  const section = place.closest("section");
  const parts = [section.querySelector("h3, figcaption").textContent];
  if (place.tagName === "TD") {
    const row = place.parentElement;
    const block = row.parentElement.querySelector("tr.block");
    const head = place.closest("table").tHead.rows[0].cells[place.cellIndex];
    parts.push(...[block, row.cells[0], head].filter(Boolean).map((one) => one.textContent.trim()));
  }
  return parts.join(" · ");
}

function words(value) {
  if (Array.isArray(value)) return value.join(", ");
  if (value === null || typeof value !== "object") return `${value ?? ""}`;
  return Object.entries(value).filter(([, inner]) => inner !== null)
    .map(([name, inner]) => `${name.replaceAll("_", " ")} ${words(inner)}`).join(", ");
}

function list(head, values) {
  const parts = Object.entries(values).map(([name, value]) => [name.replaceAll("_", " "), words(value)]);
  return element("div", {}, element("h3", {}, head), element("dl", {}, ...parts.flatMap(([name, text]) => [
    element("dt", {}, name), element("dd", {}, text || "none"),
  ])));
}

function chart(name, unit, epochs, lines) {
  const all = lines.flatMap((line) => line.values).filter((value) => value !== null);
  if (!all.length) return "";
  const [low, high, first, last] = [Math.min(...all), Math.max(...all), epochs[0], epochs.at(-1)];
  const x = (epoch) => (40 + 174 * (last > first ? (epoch - first) / (last - first) : 0.5)).toFixed(1);
  const y = (value) => (72 - 64 * (high > low ? (value - low) / (high - low) : 0.5)).toFixed(1);
  const drawn = lines.map((line, place) => element("polyline", {
    class: `line-${place}`,
    points: line.values.flatMap((value, at) => (value === null ? [] : [`${x(epochs[at])},${y(value)}`])).join(" "),
  }));
  const [top, bottom] = [high, low].map((value) => Number(value.toPrecision(3)));
  const ticks = [[36, 11, "end", top], [36, 75, "end", bottom], [40, 88, "start", first], [214, 88, "end", last]];
  const label = `${name} from ${low} to ${high}${unit && ` ${unit}`}, epochs ${first} to ${last}`;
  return element("figure", {},
    element("svg", { viewBox: "0 0 220 92", role: "img", "aria-label": label },
      element("path", { class: "frame", d: "M40 4V76H216" }),
      ...ticks.map(([left, down, anchor, text]) => element("text", { x: left, y: down, "text-anchor": anchor }, `${text}`)),
      ...drawn),
    element("figcaption", {}, `${name}${unit && ` (${unit})`}: `,
      ...lines.map((line, place) => element("span", { class: `line-${place}` }, `${line.name} `))));
}

function charts(run) {
  const { curves, epochs } = run;
  if (!curves || !epochs.length) return "";
  const both = (what) => [
    { name: "test", values: curves[`test_${what}`] }, { name: "training", values: curves[`train_${what}`] },
  ];
  const drawn = [chart("Accuracy", "%", epochs, both("accuracy")), chart("Loss", "nats", epochs, both("loss"))];
  if (curves.rho) drawn.push(chart("Radius ρ", "", epochs, [{ name: "after each epoch", values: curves.rho }]));
  return element("div", { class: "charts" }, ...drawn);
}

// One word for a shell, as `shlex.quote` makes it.
function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}

function check(runs) {
  return [`lets audit --params ${quoted(params)} --deep`, ...runs.map((run) => `--run ${quoted(run.id)}`)].join(" ");
}

// One command for a number that rests on several runs.
function checkAll(behind) {
  const finished = behind.filter((run) => run.state === "finished");
  if (finished.length < 2) return [];
  return [element("details", {}, element("summary", {}, `Train all ${finished.length} again, and compare`),
    element("code", {}, check(finished)))];
}

function details(run, open) {
  const failures = audit ? audit.failures.filter((one) => one.run === run.id) : [];
  const made = origins[run.origin];
  const make = `lets train --params ${quoted(params)} --run ${quoted(run.id)}`;
  const shown = element("details", { class: "run" },
    element("summary", {}, element("code", {}, run.id), ` ${run.state}`),
    run.reason && element("p", {}, run.reason),
    ...failures.map((one) => element("p", { class: "bad" }, `Audit: ${one.reason}. `, element("code", {}, one.command))),
    charts(run),
    element("div", { class: "facts" }, list("Method", run.method), list("Training", trainings[run.training]),
      run.numbers ? list("At its end", run.numbers) : ""),
    made ? list("Provenance", { ...run.facts, ...made }) : "",
    element("h3", {}, "Make it again"), element("code", {}, make),
    ...(made ? [element("h3", {}, "Train it again, and compare"), element("code", {}, check([run]))] : []));
  shown.open = open;
  return shown;
}

// ---- the audit, if there was one since the page was made

const place = new Map(runs.map((run, index) => [run.id, index]));
const verdicts = worstOfPlaces(audit ? audit.cells : []);

// By table or figure and runs: of places that rest on the same runs, the worst.
function worstOfPlaces(cells) {
  const found = new Map(), order = Object.keys(WORDS);
  for (const { cell, runs: ids, verdict } of cells) {
    const key = `${cell.split(": ")[0]} ${sorted(ids.map((id) => place.get(id)))}`;
    if (!found.has(key) || order.indexOf(verdict) > order.indexOf(found.get(key))) found.set(key, verdict);
  }
  return found;
}

function sorted(numbers) {
  return [...numbers].sort((one, other) => one - other).join(" ");
}

function sayAudited() {
  const counts = new Map();
  audit.cells.forEach((one) => counts.set(one.verdict, (counts.get(one.verdict) ?? 0) + 1));
  const told = [...counts].map(([verdict, count]) => `${count} ${verdict}`).join(", ");
  const line = document.querySelector("p#audited");
  const word = element("b", { class: audit.passed ? "good" : "bad" }, audit.passed ? "passed" : "failed");
  line.replaceChildren("Audit of these numbers: ", word, `. Printed places: ${told}.`);
  if (!audit.passed) line.append(" Next: ", element("code", {}, audit.next));
  for (const [name, verdict] of Object.entries(audit.items)) {
    document.querySelector(`section#${CSS.escape(name)} .files`)?.prepend("Audit: ", element("b", {}, verdict), " · ");
  }
}

function openable(cell) {
  const numbers = cell.dataset.runs.split(" ").map(Number);
  const verdict = verdicts.get(`${cell.closest("section").id} ${sorted(numbers)}`);
  button(cell, verdict ? { class: "open", "data-verdict": verdict } : { class: "open" }, () => {
    const word = verdict ? `Audit: ${verdict}: ${WORDS[verdict]}.` : audit ? "" : "Not audited since this page was made.";
    panel.replaceChildren(
      element("form", { method: "dialog" }, element("button", {}, "Close")),
      element("h2", { id: "panel-title" }, title(cell)),
      element("p", { class: "lead" }, cell.tagName === "TD" ? `${cell.innerText.trim()}. ${word}` : word),
      ...checkAll(numbers.map((number) => runs[number])),
      ...numbers.map((number) => details(runs[number], numbers.length <= 2)));
    panel.showModal();
    panel.scrollTop = 0;
  });
}

document.querySelectorAll("main table").forEach(sortable);
document.querySelectorAll("[data-runs]").forEach(openable);
panel.addEventListener("click", (event) => event.target === panel && panel.close());
if (audit) sayAudited();
