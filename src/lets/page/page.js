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

const UNITS = { k: 1e3, M: 1e6, G: 1e9 };

// The number that a text begins with: of `<0.001` a little less than 0.001, of `1,680` and `1.2 k` thousands.
function number(text) {
  const found = /^([<>]?)[\s=]*([+\-\u2212]?)(\d[\d,]*\.?\d*(?:e[+-]?\d+)?|\.\d+)(?:\s?([kMG])\b)?/.exec(text);
  if (!found) return NaN;
  const [, beyond, sign, digits, unit] = found;
  const size = parseFloat(digits.replaceAll(",", "")) * (UNITS[unit] ?? 1) * ({ "<": 1 - 1e-9, ">": 1 + 1e-9 }[beyond] ?? 1);
  return sign && sign !== "+" ? -size : size;
}

function key(row, column) {
  const text = row.cells[column].textContent.trim(), value = number(text);
  return { row, text, value, rank: ["", "—"].includes(text) ? 2 : Number(isNaN(value)) };
}

function compare(one, other, sign) {
  return one.rank - other.rank || sign * (one.rank ? one.text.localeCompare(other.text) : one.value - other.value);
}

function sortBody(body, original, column, direction) {
  const rows = original.filter((row) => row.className !== "block").map((row) => key(row, column));
  if (direction) rows.sort((one, other) => compare(one, other, direction === "ascending" ? 1 : -1));
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

// ---- one tab stop for many buttons or links: arrow keys, Home and End lead from one to the next

// What stands above or below a button of a table, in its column; of links, the one before or after.
function beside(here, all, step) {
  const cell = here.closest("td, th");
  if (!cell) return all[all.indexOf(here) + step];
  const rows = [...cell.closest("table").rows];
  for (let at = rows.indexOf(cell.parentElement) + step; rows[at]; at += step) {
    const found = rows[at].cells[cell.cellIndex]?.querySelector("button");
    if (found) return found;
  }
}

function roving(box) {
  const stops = () => [...box.querySelectorAll("a, button")];
  stops().forEach((one, place) => { one.tabIndex = place ? -1 : 0; });
  box.addEventListener("focusin", ({ target }) => {
    if (target.tabIndex < 0) stops().forEach((one) => { one.tabIndex = one === target ? 0 : -1; });
  });
  box.addEventListener("keydown", (event) => {
    const all = stops(), at = all.indexOf(event.target);
    if (at < 0) return;
    const next = {
      ArrowRight: () => all[at + 1], ArrowLeft: () => all[at - 1], Home: () => all[0], End: () => all.at(-1),
      ArrowDown: () => beside(event.target, all, 1), ArrowUp: () => beside(event.target, all, -1),
    }[event.key]?.();
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
}

function grid(box) {
  box.removeAttribute("tabindex"); // what is in it can be reached, so it scrolls
  box.querySelector("table").setAttribute("role", "grid");
  roving(box);
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

// A button that puts a text on the clipboard, in ways that a page opened as a file has, too.
function copier(name, text) {
  const made = element("button", { type: "button", "aria-live": "polite" }, name);
  made.addEventListener("click", () => {
    const area = element("textarea", { "aria-label": name }, text);
    panel.append(area);
    area.select();
    made.textContent = document.execCommand("copy") ? "Copied" : "Not copied: the browser forbids it";
    area.remove();
    made.focus();
  });
  return made;
}

function command(text) {
  return element("p", {}, element("code", {}, text), " ", copier("Copy command", text));
}

// One command for a number that rests on several runs.
function checkAll(finished) {
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
    element("h3", {}, "Make it again"), command(make),
    ...(made ? [element("h3", {}, "Train it again, and compare"), command(check([run]))] : []));
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
  for (const [name, verdict] of Object.entries(audit.items)) {
    document.querySelector(`section#${CSS.escape(name)} .files`)?.prepend("Audit: ", element("b", {}, verdict), " · ");
  }
}

const here = location.href.split("#")[0];

function openable(cell) {
  const numbers = cell.dataset.runs.split(" ").map(Number);
  const verdict = verdicts.get(`${cell.closest("section").id} ${sorted(numbers)}`);
  button(cell, verdict ? { class: "open", "data-verdict": verdict } : { class: "open" }, () => {
    const word = verdict ? `Audit: ${verdict}: ${WORDS[verdict]}.` : audit ? "" : document.querySelector("#audited").textContent;
    const finished = numbers.map((number) => runs[number]).filter((run) => run.state === "finished");
    const copiers = [copier("Copy link", `${here}#${cell.id}`)];
    if (finished.length) copiers.push(copier("Copy command", check(finished)));
    history.replaceState(null, "", `#${cell.id}`);
    panel.replaceChildren(
      element("form", { method: "dialog" }, element("button", {}, "Close"), " ", ...copiers),
      element("h2", { id: "panel-title" }, title(cell)),
      element("p", { class: "lead" }, cell.tagName === "TD" ? `${cell.innerText.trim()}. ${word}` : word),
      ...checkAll(finished),
      ...numbers.map((number) => details(runs[number], numbers.length <= 2)));
    if (!panel.open) panel.showModal();
    panel.scrollTop = 0;
  });
}

// Open what the address names, if it is a number; anything else the browser scrolls to by itself.
function follow() {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)))?.querySelector(":scope > button.open");
  named?.focus();
  named?.click();
}

document.querySelectorAll("main table").forEach(sortable);
document.querySelectorAll("[data-runs]").forEach(openable);
document.querySelectorAll(".wide").forEach(grid);
roving(document.querySelector("nav ul"));
document.querySelector("nav details").open = matchMedia("(min-width: 75rem)").matches;
panel.addEventListener("click", (event) => event.target === panel && panel.close());
panel.addEventListener("close", () => history.replaceState(null, "", here));
window.addEventListener("hashchange", follow);
if (audit) sayAudited();
follow();
