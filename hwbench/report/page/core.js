/* Data, quantities, fronts: everything that draws nothing. Strings of the data reach the page only
   as text nodes and attributes, never as HTML. */

const DATA = JSON.parse(document.getElementById("data").textContent);
const COLUMNS = DATA.columns;             // [{key, label, unit, direction, metric, device}]
const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#8c6bb1",
                 "#999933", "#b3446c", "#44aa99", "#6b7280", "#b07aa1"];
const SHOWN = {
  "s": [["ns", 1e-9], ["us", 1e-6], ["ms", 1e-3], ["s", 1]],
  "J": [["nJ", 1e-9], ["uJ", 1e-6], ["mJ", 1e-3], ["J", 1], ["kJ", 1e3], ["MJ", 1e6]],
  "bytes": [["B", 1], ["kB", 1e3], ["MB", 1e6], ["GB", 1e9], ["TB", 1e12]],
  "FLOP": [["FLOP", 1], ["kFLOP", 1e3], ["MFLOP", 1e6], ["GFLOP", 1e9], ["TFLOP", 1e12],
           ["PFLOP", 1e15]],
  "1": [["", 1], ["k", 1e3], ["M", 1e6], ["B", 1e9], ["T", 1e12]],
};

function byId(id) { return document.getElementById(id); }

/* Make an element: attributes (on... are listeners), then children; text stays text. */
function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

function draw(tag, attributes, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

/* The prefix in which numbers up to `size` read well: [symbol, factor]. */
function prefix(size, unit) {
  const steps = SHOWN[unit] || [[unit, 1]];
  let chosen = steps[0];
  for (const step of steps) if (Math.abs(size) >= step[1] * 0.99995) chosen = step;
  if (unit === "1" && Math.abs(size) < 1e3) chosen = ["", 1];
  return chosen;
}

/* "7.31 ms": four significant digits, as the command line prints it. */
function quantity(value, unit) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "-";
  if (value === 0) return "0" + (unit === "1" ? "" : " " + unit);
  const [symbol, factor] = prefix(value, unit);
  let text = (value / factor).toPrecision(4);
  if (text.includes("e")) text = String(Number(text));
  else if (text.includes(".")) text = text.replace(/\.?0+$/, "");
  return symbol ? text + " " + symbol : text;
}

function columnNumber(key) { return COLUMNS.findIndex((column) => column.key === key); }

function value(point, column) { return DATA.values[column][point]; }

/* Minimised: smaller is better. */
function cost(point, column) {
  const found = value(point, column);
  return COLUMNS[column].direction === "maximize" ? -found : found;
}

/* A point's choices: [{name, values: [text, ...]}]; per-layer ones as long as the net is deep. */
function choices(point) {
  const space = DATA.space, code = DATA.codes[point];
  const index = (at) => parseInt(code[at], 36);
  const found = space.shared.map((choice, k) => ({name: choice.name, values: [choice.values[index(k)]]}));
  const depth = space.depth === null ? space.layers
    : Number(found.find((choice) => choice.name === space.depth).values[0]);
  space.layered.forEach((choice, k) => {
    const start = space.shared.length + k * space.layers;
    const values = [];
    for (let layer = 0; layer < depth; layer++) values.push(choice.values[index(start + layer)]);
    found.push({name: choice.name, values: values, offered: choice.values, layered: true});
  });
  return found;
}

function architecture(point) {
  return [DATA.space.name, ...choices(point).map((c) => c.name + "=" + c.values.join(","))].join(":");
}

/* A short text for tables: the shared choices, and the mean of each choice made per layer. */
function summary(point) {
  return choices(point).map((c) => {
    if (!c.layered) return c.name + "=" + c.values[0];
    const mean = c.values.reduce((sum, text) => sum + Number(text), 0) / c.values.length;
    return "mean " + c.name + "=" + mean.toFixed(1);
  }).join("  ");
}

/* The points that no other dominates in two columns, by ascending x; of equal points the first. */
function front(points, x, y) {
  const sorted = points.slice().sort((a, b) => cost(a, x) - cost(b, x) || cost(a, y) - cost(b, y));
  const kept = [];
  let best = Infinity;
  for (const point of sorted) {
    if (cost(point, y) < best) { kept.push(point); best = cost(point, y); }
  }
  return kept;
}

/* Round numbers that split a range: at most about n. */
function ticks(low, high, n, log) {
  if (log) {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
      for (const step of [1, 2, 5]) found.push(step * 10 ** power);
    }
    const inside = found.filter((tick) => tick >= low && tick <= high);
    if (inside.length >= 3) return inside;
  }
  const raw = (high - low) / n || 1, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((k) => k * power).find((size) => size >= raw);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high * (1 + 1e-12); k++) found.push(k * step);
  return found;
}
