/* The state of the page, and what happens when somebody touches it. */

const state = {problem: null, points: [], places: [], x: 0, y: 0, xLog: false, yLog: false, onlyFront: false, limits: [],
  feasible: new Set(), front: [], exactSet: new Set(), chosen: null, sort: {column: -1, down: false}};

function openProblem(number) {
  const problem = state.problem = DATA.problems[number];
  state.exactSet = new Set(problem.exact);
  state.points = [...new Set([...problem.points, ...problem.exact])];
  const goals = problem.objectives;
  state.y = goals[0];
  state.x = goals.length > 1 ? goals[1] : COLUMNS.findIndex((_, k) => k !== goals[0]);
  state.chosen = null;
  resetLimits();
}

function resetLimits() {
  const problem = state.problem;
  state.limits = problem.limits.map((limit) => makeLimit(state, limit.column, limit.sense, limit.bound));
  for (const column of problem.objectives) {
    if (state.limits.some((limit) => limit.column === column)) continue;
    state.limits.push(makeLimit(state, column, COLUMNS[column].direction === "maximize" ? "min" : "max", null));
  }
  drawLimits(state, refresh);
  refresh();
}

function refresh() {
  state.feasible = new Set(state.points.filter((point) => state.limits.every((limit) => keeps(point, limit))));
  const known = state.points.filter((p) => state.feasible.has(p) && value(p, state.x) !== null && value(p, state.y) !== null);
  state.front = front(known, state.x, state.y);
  byId("x-axis").value = String(state.x);
  byId("y-axis").value = String(state.y);
  drawScatter(state);
  drawLegend(state);
  drawTable(state, choose, refresh);
  drawDetail(state);
  const none = state.feasible.size ? "" : " No architecture here keeps all limits.";
  byId("status").textContent = `${state.front.length} on the front of these axes, ${state.feasible.size} of `
    + `${state.points.length} architectures keep the limits.${none}`;
}

function choose(point) {
  state.chosen = point;
  refresh();
}

function showTip(event) {
  const tip = byId("tip"), point = pointAt(state, event);
  tip.hidden = point === null;
  byId("chart").style.cursor = tip.hidden ? "" : "pointer";
  if (tip.hidden) return;
  const lines = [...new Set([state.y, state.x, ...state.problem.objectives])]
    .map((k) => COLUMNS[k].label + ": " + quantity(value(point, k), COLUMNS[k].unit));
  const by = (state.problem.found[point] || []).map((k) => state.problem.methods[k]);
  if (by.length) lines.push("found by " + by.join(", "));
  if (state.exactSet.has(point)) lines.push("on the exact front");
  tip.textContent = [...lines, summary(point)].join("\n");
  const left = event.clientX + 14 + tip.offsetWidth > window.innerWidth ? event.clientX - 14 - tip.offsetWidth : event.clientX + 14;
  tip.style.left = Math.max(left, 4) + "px";
  const below = event.clientY + 14, above = event.clientY - 14 - tip.offsetHeight;
  tip.style.top = (below + tip.offsetHeight > window.innerHeight ? Math.max(above, 4) : below) + "px";
}

function options(select, chosen) {
  const groups = new Map();
  COLUMNS.forEach((column, k) => {
    const name = column.device === null ? "architecture" : column.device;
    if (!groups.has(name)) groups.set(name, make("optgroup", {label: name}));
    groups.get(name).append(make("option", {value: k}, column.label));
  });
  select.replaceChildren(...groups.values());
  select.value = String(chosen);
}

function showStudy() {
  const problem = state.problem;
  byId("study-panel").hidden = !problem.curves.length;
  if (problem.curves.length) drawStudy(problem);
}

function start() {
  document.title = DATA.title;
  byId("title").textContent = DATA.title;
  byId("footer").textContent = DATA.footer;
  byId("problem").replaceChildren(...DATA.problems.map((problem, k) => make("option", {value: k}, problem.label)));
  byId("problem-choice").hidden = DATA.problems.length < 2;
  options(byId("x-axis"), 0);
  options(byId("y-axis"), 0);
  const enter = (number) => {
    openProblem(number);
    byId("subtitle").textContent = state.problem.text;
    showStudy();
  };
  byId("problem").addEventListener("change", (event) => enter(Number(event.target.value)));
  const axis = (id, name) => byId(id).addEventListener("change", (event) => { state[name] = Number(event.target.value); refresh(); });
  axis("x-axis", "x");
  axis("y-axis", "y");
  const flag = (id, name) => byId(id).addEventListener("change", (event) => { state[name] = event.target.checked; refresh(); });
  flag("x-log", "xLog");
  flag("y-log", "yLog");
  flag("only-front", "onlyFront");
  byId("reset").addEventListener("click", resetLimits);
  byId("download").addEventListener("click", () => download(state));
  byId("add-limit").addEventListener("change", (event) => {
    if (event.target.value === "") return;
    const column = Number(event.target.value);
    state.limits.push(makeLimit(state, column, COLUMNS[column].direction === "maximize" ? "min" : "max", null));
    drawLimits(state, refresh);
    refresh();
  });
  const chart = byId("chart");
  chart.addEventListener("click", (event) => {
    const point = pointAt(state, event);
    if (point !== null) choose(point);
  });
  chart.addEventListener("mousemove", showTip);
  chart.addEventListener("mouseleave", () => { byId("tip").hidden = true; });
  enter(0);
}

start();
