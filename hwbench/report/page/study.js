/* Methods against each other: hypervolume over evaluations with bands, final figures, ranks. */

function drawStudy(problem) {
  const svg = byId("curves"), width = 640, height = 380;
  clear(svg, width, height);
  byId("curves-title").textContent = problem.measure.replace(/,.*/, "") + " over evaluations";
  const all = problem.curves.flatMap((curve) => [...curve.low, ...curve.high]).filter((v) => v !== null);
  const at = problem.curves.flatMap((curve) => curve.at);
  const sx = makeScale(at, LEFT, width - RIGHT, true);
  const sy = makeScale(all, height - BOTTOM, TOP, true);
  drawAxes(svg, sx, sy, "evaluations", problem.measure, "", "", true, true);
  const known = problem.curves.map((curve) => ({...curve, steps: curve.at.map((_, k) => k)
    .filter((k) => curve.low[k] !== null && curve.middle[k] !== null && curve.high[k] !== null)}))
    .filter((curve) => curve.steps.length);
  for (const curve of known) {
    const colour = COLOURS[curve.method % COLOURS.length];
    const upper = curve.steps.map((k) => `${sx(curve.at[k])} ${sy(curve.high[k])}`);
    const lower = curve.steps.map((k) => `${sx(curve.at[k])} ${sy(curve.low[k])}`).reverse();
    svg.append(draw("path", {d: "M" + [...upper, ...lower].join("L") + "Z", fill: colour, "fill-opacity": 0.15}));
  }
  for (const curve of known) {
    const colour = COLOURS[curve.method % COLOURS.length];
    const line = curve.steps.map((k) => `${sx(curve.at[k])} ${sy(curve.middle[k])}`);
    svg.append(draw("path", {d: "M" + line.join("L"), fill: "none", stroke: colour, "stroke-width": 2}));
  }
  drawMethods(problem);
  byId("ranking").textContent = DATA.ranking || "";
}

function drawMethods(problem) {
  const titles = problem.figures.titles;
  byId("methods").className = "data";
  byId("methods").replaceChildren(
    make("thead", {}, make("tr", {}, make("th", {}, "method"), ...titles.map((title) => make("th", {}, title)))),
    make("tbody", {}, ...problem.figures.rows.map((row) => make("tr", {},
      make("td", {}, make("span", {style: `color: ${COLOURS[row.method % COLOURS.length]}`}, "● "), problem.methods[row.method]),
      ...row.cells.map((text) => make("td", {}, text))))));
}
