/* Limits as sliders, the chosen architecture, the table of the front, the download. */

const STEPS = 400;
const LAYERS_A_ROW = 12;

/* A limit from the range of its metric among the architectures of the problem. */
function makeLimit(state, column, sense, bound) {
  const found = state.points.map((point) => value(point, column)).filter((v) => v !== null);
  let low = Math.min(...found), high = Math.max(...found);
  if (bound !== null) { low = Math.min(low, bound); high = Math.max(high, bound); }
  const open = sense === "max" ? high : low;
  return {column: column, sense: sense, low: low, high: high, open: open, bound: bound === null ? open : bound};
}

function isSet(limit) { return limit.bound !== limit.open; }

function keeps(point, limit) {
  const found = value(point, limit.column);
  if (found === null) return !isSet(limit);
  const slack = Math.abs(limit.bound) * 1e-4;       // the page holds five digits
  return limit.sense === "max" ? found <= limit.bound + slack : found >= limit.bound - slack;
}

function drawLimits(state, refresh) {
  const rows = state.limits.map((limit) => {
    const column = COLUMNS[limit.column];
    const output = make("output", {});
    const row = make("div", {class: "limit"});
    const span = limit.high - limit.low || 1;
    const slider = make("input", {type: "range", min: 0, max: STEPS, step: 1,
      "aria-label": column.label, "data-key": column.key});
    slider.value = String(Math.round((limit.bound - limit.low) / span * STEPS));
    const show = () => {
      output.textContent = isSet(limit)
        ? (limit.sense === "max" ? "≤ " : "≥ ") + quantity(limit.bound, column.unit) : "any";
      row.classList.toggle("open", !isSet(limit));
    };
    slider.addEventListener("input", () => {
      const step = Number(slider.value), end = limit.sense === "max" ? STEPS : 0;
      limit.bound = step === end ? limit.open : limit.low + span * step / STEPS;
      show();
      refresh();
    });
    show();
    row.append(make("span", {}, column.label), output, slider);
    return row;
  });
  byId("limits").replaceChildren(...rows);
  const used = new Set(state.limits.map((limit) => limit.column));
  byId("add-limit").replaceChildren(make("option", {value: ""}, "choose a metric"),
    ...COLUMNS.map((column, k) => used.has(k) ? null : make("option", {value: k}, column.label)).filter((o) => o));
}

function shade(text, offered) {
  const at = offered.indexOf(text) / Math.max(offered.length - 1, 1);
  return `background: hsl(210 65% ${88 - 38 * at}%)`;
}

function drawDetail(state) {
  const panel = byId("detail"), point = state.chosen;
  if (point === null) {
    panel.replaceChildren(make("h2", {}, "Architecture"), make("p", {}, "Click a point or a row of the table."));
    return;
  }
  const found = choices(point), shared = found.filter((c) => !c.layered), layered = found.filter((c) => c.layered);
  const fields = make("dl", {class: "fields"});
  const field = (name, text) => fields.append(make("dt", {}, name), make("dd", {}, text));
  shared.forEach((choice) => field(choice.name, choice.values[0]));
  COLUMNS.forEach((column, k) => { if (column.device === null) field(column.label, quantity(value(point, k), column.unit)); });
  const by = state.problem.found[point] || [];
  if (by.length) field("found by", by.map((k) => state.problem.methods[k]).join(", "));
  if (state.exactSet.has(point)) field("exact front", "yes");
  panel.replaceChildren(make("h2", {}, "Architecture"), fields, make("div", {class: "scroll"}, layerTable(layered)),
    deviceTable(point), make("code", {}, DATA.command ? DATA.command + " --arch " + architecture(point) : architecture(point)),
    make("button", {type: "button", id: "download-one", onclick: () => save(architectureName(point), record(state, point))}, "Download this one"));
}

/* The choices made per layer, a few layers below the next, so that all are in sight. */
function layerTable(layered) {
  const table = make("table", {class: "layers"}), depth = layered.length ? layered[0].values.length : 0;
  for (let start = 0; start < depth; start += LAYERS_A_ROW) {
    const row = (kind, name, cells) => table.append(make("tr", {class: kind}, make("th", {}, name), ...cells));
    const part = (values) => values.slice(start, start + LAYERS_A_ROW);
    row("layer-numbers", "layer", part(layered[0].values).map((_, k) => make("th", {style: "text-align: center"}, String(start + k + 1))));
    for (const choice of layered) {
      row("", choice.name, part(choice.values).map((text) => make("td", {style: shade(text, choice.offered)}, text)));
    }
  }
  return table;
}

/* All metrics on all devices: one row a device. */
function deviceTable(point) {
  const devices = [...new Set(COLUMNS.map((column) => column.device).filter((d) => d !== null))];
  const names = [...new Set(COLUMNS.filter((column) => column.device !== null).map((column) => column.metric))];
  if (!devices.length) return make("span", {});
  const label = (metric) => COLUMNS.find((column) => column.metric === metric && column.device !== null).short;
  const rows = devices.map((device) => make("tr", {}, make("td", {}, device), ...names.map((metric) => {
    const k = COLUMNS.findIndex((column) => column.metric === metric && column.device === device);
    return make("td", {}, k < 0 ? "-" : quantity(value(point, k), COLUMNS[k].unit));
  })));
  return make("div", {class: "scroll"}, make("table", {class: "data", id: "devices"},
    make("thead", {}, make("tr", {}, make("th", {}, "device"), ...names.map((metric) => make("th", {}, label(metric))))),
    make("tbody", {}, ...rows)));
}

/* Axes, objectives and limits first: those columns decide. */
function tableColumns(state) {
  const wanted = [state.x, state.y, ...state.problem.objectives, ...state.limits.map((limit) => limit.column)];
  return [...new Set(wanted)];
}

function drawTable(state, choose, refresh) {
  const columns = tableColumns(state);
  const sort = columns.includes(state.sort.column) ? state.sort : {column: state.x, down: false};
  const rows = state.front.slice().sort((a, b) => (value(a, sort.column) - value(b, sort.column)) * (sort.down ? -1 : 1));
  const head = columns.map((k) => make("th", {"aria-sort": k === sort.column ? (sort.down ? "descending" : "ascending") : "none"},
    make("button", {type: "button", onclick: () => {
      state.sort = {column: k, down: k === sort.column && !sort.down};
      refresh();
    }}, COLUMNS[k].label + (k === sort.column ? (sort.down ? " ↓" : " ↑") : ""))));
  const body = rows.map((point) => make("tr", {class: "pick" + (point === state.chosen ? " chosen" : ""), tabindex: 0, "data-point": point,
    onclick: () => choose(point), onkeydown: (event) => { if (event.key === "Enter") choose(point); }},
    make("td", {}, make("code", {title: architecture(point)}, summary(point))),
    ...columns.map((k) => make("td", {}, quantity(value(point, k), COLUMNS[k].unit)))));
  byId("table").className = "data";
  byId("table").replaceChildren(make("thead", {}, make("tr", {}, make("th", {}, "architecture"), ...head)), make("tbody", {}, ...body));
}

function record(state, point) {
  const values = {};
  COLUMNS.forEach((column, k) => { values[column.key] = value(point, k); });
  return {architecture: architecture(point), exact: state.exactSet.has(point),
    found_by: (state.problem.found[point] || []).map((k) => state.problem.methods[k]), values: values};
}

function architectureName(point) { return "architecture-" + point + ".json"; }

function save(name, content) {
  const file = new Blob([JSON.stringify(content, null, 1)], {type: "application/json"});
  const link = make("a", {href: URL.createObjectURL(file), download: name});
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function download(state) {
  save("front.json", {title: DATA.title, problem: state.problem.text, benchmark: DATA.benchmark, digits: 5,
    axes: [COLUMNS[state.x].key, COLUMNS[state.y].key],
    limits: state.limits.filter(isSet).map((l) => ({metric: COLUMNS[l.column].key, sense: l.sense, bound: l.bound})),
    front: state.front.map((point) => record(state, point))});
}
