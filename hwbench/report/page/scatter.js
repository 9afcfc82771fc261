/* The scatter: axes, points, the front under the limits, the exact front. */

const WIDTH = 900, HEIGHT = 560, LEFT = 74, RIGHT = 18, TOP = 16, BOTTOM = 52, REACH = 9;

function makeScale(values, from, to, log) {
  let low = Math.min(...values), high = Math.max(...values);
  if (low === high) { low -= Math.abs(low) * 0.05 || 1; high += Math.abs(high) * 0.05 || 1; }
  const warp = log ? Math.log : (v) => v;
  const pad = (warp(high) - warp(low)) * 0.03;
  const start = warp(low) - pad, end = warp(high) + pad;
  const scale = (v) => from + (to - from) * (warp(v) - start) / (end - start);
  scale.low = log ? Math.exp(start) : start;
  scale.high = log ? Math.exp(end) : end;
  return scale;
}

function drawAxes(svg, sx, sy, xTitle, yTitle, xUnit, yUnit, xLog, yLog) {
  const bottom = svg.box.height - BOTTOM, right = svg.box.width - RIGHT;
  const axis = (scale, unit, log, place) => {
    const size = Math.max(Math.abs(scale.low), Math.abs(scale.high));
    const [symbol, factor] = prefix(size, unit);
    for (const tick of ticks(scale.low / factor, scale.high / factor, 7, log)) {
      place(scale(tick * factor), String(Number(tick.toPrecision(4))));
    }
    return symbol ? " (" + symbol + ")" : "";
  };
  const xSymbol = axis(sx, xUnit, xLog, (at, text) => {
    svg.append(draw("line", {class: "grid", x1: at, x2: at, y1: TOP, y2: bottom}),
      draw("text", {x: at, y: bottom + 18, "text-anchor": "middle"}, text));
  });
  const ySymbol = axis(sy, yUnit, yLog, (at, text) => {
    svg.append(draw("line", {class: "grid", x1: LEFT, x2: right, y1: at, y2: at}),
      draw("text", {x: LEFT - 8, y: at + 4, "text-anchor": "end"}, text));
  });
  svg.append(
    draw("rect", {class: "frame", x: LEFT, y: TOP, width: right - LEFT, height: bottom - TOP}),
    draw("text", {class: "axis-title", x: (LEFT + right) / 2, y: bottom + 42, "text-anchor": "middle"},
      xTitle + xSymbol),
    draw("text", {class: "axis-title", "text-anchor": "middle",
      transform: `translate(18 ${(TOP + bottom) / 2}) rotate(-90)`}, yTitle + ySymbol));
}

function clear(svg, width, height) {
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.box = {width: width, height: height};
}

/* A line that keeps its level until the next point: what a front attains. */
function staircase(points, x, y, sx, sy) {
  return points.map((point, k) => {
    const px = sx(value(point, x)).toFixed(1), py = sy(value(point, y)).toFixed(1);
    return k ? `H${px}V${py}` : `M${px} ${py}`;
  }).join("");
}

/* The exact front from its own finer list of places; those in view only. */
function exactLine(state, sx, sy) {
  const swap = state.problem.objectives[0] === state.x;
  const falls = COLUMNS[state.x].direction !== "maximize";
  const places = state.problem.line.map((place) => swap ? place : [place[1], place[0]])
    .sort((a, b) => falls ? a[0] - b[0] : b[0] - a[0]);
  return places.map((place, k) => {
    const px = sx(place[0]), py = sy(place[1]);
    return k ? `H${px.toFixed(1)}V${py.toFixed(1)}` : `M${px.toFixed(1)} ${py.toFixed(1)}`;
  }).join("");
}

function colourOf(state, point) {
  const by = state.problem.found[point];
  if (by === undefined || by.length === 0) return state.exactSet.has(point) ? "var(--exact)" : "var(--seen)";
  return state.problem.methods.length > 1 ? COLOURS[by[0] % COLOURS.length] : "var(--accent)";
}

function drawScatter(state) {
  const svg = byId("chart"), x = state.x, y = state.y;
  clear(svg, WIDTH, HEIGHT);
  const shown = state.points.filter((p) => value(p, x) !== null && value(p, y) !== null);
  state.places = [];
  if (!shown.length) return;
  const sx = makeScale(shown.map((p) => value(p, x)), LEFT, WIDTH - RIGHT, state.xLog);
  const sy = makeScale(shown.map((p) => value(p, y)), HEIGHT - BOTTOM, TOP, state.yLog);
  const title = (c) => COLUMNS[c].label;
  drawAxes(svg, sx, sy, title(x), title(y), COLUMNS[x].unit, COLUMNS[y].unit, state.xLog, state.yLog);
  drawBounds(svg, state, sx, sy);
  const onFront = new Set(state.front);
  const layers = [[], [], []];               // infeasible, dominated, front: later ones lie above
  for (const point of shown) {
    const best = onFront.has(point) || (ownAxes(state) && point in state.problem.found);
    const level = !state.feasible.has(point) ? 0 : best ? 2 : 1;
    if (level === 2 || !state.onlyFront) layers[level].push(point);
  }
  const classes = ["point off", "point behind", "point"], radii = [3, 3.6, 4.6];
  layers.forEach((points, level) => {
    if (level === 2 && points.length) {
      svg.append(draw("path", {class: "front", d: staircase(state.front, x, y, sx, sy)}));
    }
    if (level === 2 && exactShown(state)) {
      svg.append(draw("path", {class: "exact", d: exactLine(state, sx, sy)}));
    }
    for (const point of points) {
      const place = {point: point, level: level, x: sx(value(point, x)), y: sy(value(point, y))};
      state.places.push(place);
      const proven = level === 2 && !(point in state.problem.found) && state.exactSet.has(point);
      const node = draw("circle", {class: classes[level] + (proven ? " proven" : ""), "data-point": point,
        r: proven ? 2.6 : radii[level],
        cx: place.x.toFixed(1), cy: place.y.toFixed(1)});
      if (level) node.setAttribute("fill", colourOf(state, point));
      svg.append(node);
    }
  });
  if (state.chosen !== null && shown.includes(state.chosen)) {
    svg.append(draw("circle", {class: "ring", r: 8, cx: sx(value(state.chosen, x)), cy: sy(value(state.chosen, y))}));
  }
}

/* The point at the cursor: the nearest one within reach, those of the front first; else null. */
function pointAt(state, event) {
  const box = byId("chart").getBoundingClientRect(), zoom = WIDTH / box.width;
  const x = (event.clientX - box.left) * zoom, y = (event.clientY - box.top) * zoom;
  let best = null, least = Infinity;
  for (const place of state.places) {
    const distance = Math.hypot(place.x - x, place.y - y);
    if (distance > REACH) continue;
    const rank = distance + (2 - place.level) * REACH;
    if (rank < least) { least = rank; best = place.point; }
  }
  return best;
}

/* The exact front is one of the problem's two objectives: drawn on those axes only. */
function exactShown(state) { return state.problem.exact.length > 0 && ownAxes(state); }

/* Whether the axes are the two objectives of the problem. */
function ownAxes(state) {
  const goals = state.problem.objectives;
  return goals.length === 2 && ((goals[0] === state.x && goals[1] === state.y) || (goals[0] === state.y && goals[1] === state.x));
}

function drawBounds(svg, state, sx, sy) {
  for (const limit of state.limits) {
    if (!isSet(limit)) continue;
    if (limit.column === state.x) {
      const at = sx(limit.bound);
      if (at > LEFT && at < WIDTH - RIGHT) svg.append(draw("line", {class: "bound", x1: at, x2: at, y1: TOP, y2: HEIGHT - BOTTOM}));
    }
    if (limit.column === state.y) {
      const at = sy(limit.bound);
      if (at > TOP && at < HEIGHT - BOTTOM) svg.append(draw("line", {class: "bound", x1: LEFT, x2: WIDTH - RIGHT, y1: at, y2: at}));
    }
  }
}

function drawLegend(state) {
  const several = state.problem.methods.length > 1;
  const items = state.problem.methods.map((name, k) =>
    make("span", {style: `--mark: ${several ? COLOURS[k % COLOURS.length] : "var(--accent)"}`}, name));
  items.push(make("span", {style: "--mark: var(--seen)"}, "on no front found"));
  items.push(make("span", {style: "--mark: var(--grey)"}, "breaks a limit"));
  if (exactShown(state)) items.push(make("span", {class: "line", style: "--mark: var(--exact)"}, "exact front of the problem"));
  byId("legend").replaceChildren(...items);
}
