/* VarianceExplorer: q walks to the posterior; the values of estimators A and B and their
   variances follow. 1 the state, 2 q and the posterior, 3 two rows of dots, 4 variances
   along the walk, 5 the view, 6 ways in. Shared parts are in _common.js. */

// ---- 1. The state ----

const ROWS = ["a", "b"];
const FLOOR = 1e-6; // nats^2; what is below is rounding, and shown as "below"
const mix = (from, to, part) => from + part * (to - from);

class Walk extends State {
  constructor(model) {
    super(model, ["step", "playing"]);
    this.meta = model.get("_meta");
    const { T, J, dots } = this.meta;
    const all = doublesOf(model.get("_walk"));
    [this.mu, this.sigma] = [all.subarray(0, T * J), all.subarray(T * J)];
    this.dots = { a: floatsOf(model.get("_a")), b: floatsOf(model.get("_b")) };
    const curves = doublesOf(model.get("_curves"));
    const names = ["bound", "mean_a", "error_a", "var_a", "mean_b", "error_b", "var_b"];
    this.curves = Object.fromEntries(
      names.map((name, k) => [name, curves.subarray(k * T, (k + 1) * T)]));
    this.part = 0; // how far Play has come from this step to the next
    this.speed = Math.max(4, Math.min(30, T / 6)); // steps a second
    this.clock = makeClock((seconds, jump) => this.walk(seconds, jump));
    this.clock.run(this.get("playing"));
  }

  changed(name) {
    if (name === "playing") this.clock.run(this.get("playing"));
    if (!this.walking) this.part = 0;
    this.tell(name);
  }

  get last() {
    return this.meta.T - 1;
  }

  goTo(step) {
    this.put("playing", false);
    this.put("step", Math.max(0, Math.min(this.last, Math.round(step))));
  }

  play(on) {
    if (on && this.get("step") === this.last) this.put("step", 0);
    this.put("playing", on);
  }

  walk(seconds, jump) {
    const at = this.get("step") + this.part +
      (jump ? Math.ceil(this.meta.T / 8) : seconds * this.speed);
    const step = Math.min(this.last, Math.floor(at));
    this.walking = true;
    this.part = jump || step === this.last ? 0 : at - step;
    this.put("step", step);
    this.walking = false;
    if (step === this.last) this.put("playing", false);
    this.tell("part");
  }

  /** Column k of an array of `wide` numbers a step; between two steps, in between. */
  now(array, wide = 1, k = 0) {
    const at = this.get("step") * wide + k;
    return this.part ? mix(array[at], array[at + wide], this.part) : array[at];
  }

  /** What holds at this step. */
  summary() {
    const at = (name) => this.curves[name][this.get("step")];
    const of = (row) => ({
      mean: at(`mean_${row}`), error: at(`error_${row}`), variance: at(`var_${row}`) });
    return { step: this.get("step"), bound: at("bound"), a: of("a"), b: of("b") };
  }

  dispose() {
    this.clock.run(false);
    super.dispose();
  }
}

// ---- 2. q and the posterior: two densities, or ellipses of one and two sigma ----

const AROUND = Array.from({ length: 73 }, (_, k) => (k / 72) * TURN);
const density = (z, mu, sigma) =>
  Math.exp(-(((z - mu) / sigma) ** 2) / 2) / (sigma * Math.sqrt(TURN));

class Outline {
  constructor(state, box) {
    this.state = state;
    const { J } = state.meta;
    this.spans = Array.from({ length: J }, (_, j) => this.span(j));
    const names = J === 1 ? ["z", ""] : ["z\u2081", "z\u2082"];
    this.chart = new Chart(box, {
      x: this.spans[0], y: this.spans[1] ?? [0, 1.08 * this.peak()],
      xName: names[0], yName: names[1], pad: [24, 10, 38, J === 1 ? 10 : 46],
    });
  }

  /** What latent j's axis must hold: the posterior, and q on all of its walk. */
  span(j) {
    const { mu, sigma, meta: { J, mean, cov, T } } = this.state;
    const reach = J === 1 ? 3.2 : 2.3;
    let [low, high] = [-1, 1].map((side) => mean[j] + side * reach * Math.sqrt(cov[j][j]));
    for (let k = j; k < T * J; k += J) {
      low = Math.min(low, mu[k] - reach * sigma[k]);
      high = Math.max(high, mu[k] + reach * sigma[k]);
    }
    return [low, high];
  }

  peak() {
    const { sigma, meta } = this.state;
    return density(0, 0, Math.min(...sigma, Math.sqrt(meta.cov[0][0])));
  }

  draw(colours) {
    this.chart.start();
    if (this.state.meta.J === 1) this.drawDensities(colours);
    else this.drawEllipses(colours);
  }

  drawDensities(colours) {
    const { chart, state } = this;
    const { mean, cov } = state.meta;
    const [mu, sigma] = [state.now(state.mu), state.now(state.sigma)];
    const zs = Array.from({ length: 241 }, (_, k) => mix(...chart.x, k / 240));
    const q = zs.map((z) => density(z, mu, sigma));
    chart.axes(colours, { yTicks: false });
    chart.area(zs, q, colours.q);
    chart.curve(zs, q, colours.q);
    const root = Math.sqrt(cov[0][0]);
    chart.curve(zs, zs.map((z) => density(z, mean[0], root)), colours.p, { dash: [6, 4] });
    this.drawNames(colours, mean[0], density(0, 0, root), mu, density(0, 0, sigma));
  }

  drawEllipses(colours) {
    const { chart, state } = this;
    const { mean, cov } = state.meta;
    this.keepRound();
    chart.axes(colours);
    const [mu, sigma] = [state.mu, state.sigma].map((all) =>
      [0, 1].map((j) => state.now(all, 2, j)));
    const walk = [0, 1].map((j) => state.mu.filter((_, k) => k % 2 === j));
    chart.curve(...walk, colours.soft, { width: 1.5, dash: [2, 4] });
    const scale = chart.px(1) - chart.px(0);
    chart.inside((pen) => drawGaussian(pen, colours, chart.px(mu[0]), chart.py(mu[1]),
      sigma[0] * scale, sigma[1] * scale));
    // cov = C C^T with C lower triangular; C turns a circle into the posterior's ellipse
    const c00 = Math.sqrt(cov[0][0]);
    const c10 = cov[1][0] / c00;
    const c11 = Math.sqrt(cov[1][1] - c10 ** 2);
    for (const k of [1, 2])
      chart.curve(AROUND.map((turn) => mean[0] + k * c00 * Math.cos(turn)),
        AROUND.map((turn) => mean[1] + k * (c10 * Math.cos(turn) + c11 * Math.sin(turn))),
        colours.p, { dash: [6, 4] });
    const top = mean[1] + 2 * Math.sqrt(cov[1][1]);
    this.drawNames(colours, mean[0], top, mu[0], mu[1] + 2 * sigma[1]);
  }

  /** The same pixels a unit on both axes. */
  keepRound() {
    const { chart, spans } = this;
    const sizes = [chart.right - chart.left, chart.bottom - chart.top];
    const unit = Math.max(...spans.map(([low, high], j) => (high - low) / sizes[j]));
    [chart.x, chart.y] = spans.map(([low, high], j) =>
      [-0.5, 0.5].map((side) => (low + high) / 2 + side * unit * sizes[j]));
  }

  /** The names stand over their tops, q's on the side away from the posterior. */
  drawNames(colours, x, y, qx, qy) {
    const { chart } = this;
    const side = qx > x ? 1 : -1;
    const up = (value) => Math.max(12, chart.py(value) - 10);
    const [here, there] = [up(qy), up(y)];
    const close = Math.abs(chart.px(qx) - chart.px(x)) < 110 && Math.abs(here - there) < 16;
    label(chart.pen, colours, "posterior", chart.px(x), close ? Math.min(here, there) : there,
      { align: close && side > 0 ? "right" : close ? "left" : "center", colour: colours.p });
    label(chart.pen, colours, "q", chart.px(qx) + (close ? side * 12 : 0),
      close ? Math.min(here, there) : here, { colour: colours.q });
  }
}

// ---- 3. The values of A and of B: two rows of dots about the bound ----

const FORMULAS = {
  a: "A: log p(x, z) \u2212 log q(z | x)",
  b: "B: log p(x | z) \u2212 KL",
};

/** A height in [0, 1] for each dot, the same at every step. */
const jitter = (k) => (k * 0.6180339887498949) % 1;

class Rows {
  constructor(state, box) {
    this.state = state;
    const all = Float64Array.from([...state.dots.a, ...state.dots.b]).sort();
    const at = (part) => all[Math.round(part * (all.length - 1))];
    const { bound } = state.curves;
    const evidence = state.meta.evidence ?? bound[state.last];
    const low = Math.min(at(0.002), ...bound, evidence);
    const high = Math.max(at(0.998), ...bound, evidence);
    const room = 0.04 * (high - low) || 1;
    this.chart = new Chart(box, {
      x: [low - room, high + room], y: [0, 1], pad: [24, 10, 38, 10], xName: "nats" });
  }

  draw(colours) {
    const { chart, state } = this;
    chart.start();
    chart.axes(colours, { yTicks: false, xTicks: ticks(...chart.x, 5) });
    const { pen } = chart;
    const middle = (chart.top + chart.bottom) / 2;
    const tops = { a: chart.top, b: middle };
    const { evidence } = state.meta;
    for (const row of ROWS)
      this.drawDots(colours, row, tops[row] + 24, middle - chart.top - 52);
    if (evidence !== null) this.drawLine(evidence, colours.p, [6, 4]);
    const bound = state.now(state.curves.bound);
    this.drawLine(bound, colours.ink, []);
    for (const row of ROWS) {
      const mean = state.now(state.curves[`mean_${row}`]);
      const error = state.now(state.curves[`error_${row}`]);
      const [low, x, high] = [-error, 0, error].map((more) => chart.px(mean + more));
      meanMark(pen, colours, x, tops[row] + middle - chart.top - 26, low, high, colours.q);
      label(pen, colours, FORMULAS[row], chart.left, tops[row] + 12, { align: "left" });
    }
    this.drawNames(colours, chart.px(bound), evidence);
  }

  /** Both lines' names, left and right of them, and not over each other. */
  drawNames(colours, x, evidence) {
    const { chart } = this;
    let end = x - 4;
    if (evidence !== null) {
      const start = Math.min(chart.px(evidence) + 4, chart.wide - 58);
      end = Math.min(end, start - 8);
      label(chart.pen, colours, "log p(x)", start, 10, { align: "left", colour: colours.p });
    }
    label(chart.pen, colours, "bound", end, 10, { align: "right" });
  }

  /** A's are discs, B's squares; what lies beyond the axis stands at its end. */
  drawDots(colours, row, top, room) {
    const { chart, state } = this;
    const { pen } = chart;
    const { dots } = state.meta;
    pen.fillStyle = colours.q;
    pen.globalAlpha = 0.6;
    for (let k = 0; k < dots; k++) {
      const raw = chart.px(state.now(state.dots[row], dots, k));
      const x = Math.max(chart.left + 3, Math.min(chart.right - 3, raw));
      const y = top + jitter(k) * room;
      if (row === "a") fillDot(pen, x, y, 2.6);
      else pen.fillRect(x - 2.3, y - 2.3, 4.6, 4.6);
    }
    pen.globalAlpha = 1;
  }

  drawLine(value, colour, dash) {
    const { chart } = this;
    chart.pen.strokeStyle = colour;
    chart.pen.lineWidth = 2;
    chart.pen.setLineDash(dash);
    line(chart.pen, chart.px(value), 20, chart.px(value), chart.bottom);
    chart.pen.setLineDash([]);
  }
}

// ---- 4. Both variances along the walk ----

class Variances {
  constructor(state, box) {
    this.state = state;
    const all = ROWS.flatMap((row) => [...state.curves[`var_${row}`]]);
    const above = all.filter((value) => value >= FLOOR);
    const [low, high] = above.length ? [Math.min(...above), Math.max(...above)] : [FLOOR, 1];
    this.chart = new Chart(box, {
      x: [0, state.last], y: [10 ** Math.floor(Math.log10(low) + 1e-9), 1.6 * high],
      log: true, xName: "step of the walk", yName: "variance (nats\u00b2)",
      pad: [14, 34, 38, 64] });
  }

  /** Where a variance stands; below the floor, on the axis. */
  level(value) {
    return Math.max(value, this.chart.y[0]);
  }

  draw(colours) {
    const { chart, state } = this;
    const steps = Array.from({ length: state.meta.T }, (_, k) => k);
    chart.start();
    chart.axes(colours, { xTicks: ticks(...chart.x, 8).filter(Number.isInteger) });
    const at = state.get("step") + state.part;
    chart.pen.strokeStyle = colours.soft;
    chart.pen.lineWidth = 1;
    line(chart.pen, chart.px(at), chart.top, chart.px(at), chart.bottom);
    for (const row of ROWS) {
      const values = Array.from(state.curves[`var_${row}`], (v) => this.level(v));
      chart.curve(steps, values, colours.ink, { dash: row === "a" ? [] : [7, 4] });
      this.drawNone(colours, row);
      this.drawMarker(colours, row, at);
    }
    this.drawNames(colours);
  }

  /** An open triangle for each step with a variance below the floor. */
  drawNone(colours, row) {
    const { chart, state } = this;
    const { pen } = chart;
    const steps = [...state.curves[`var_${row}`].keys()].filter(
      (k) => state.curves[`var_${row}`][k] < FLOOR);
    pen.strokeStyle = colours.ink;
    pen.fillStyle = colours.bg;
    pen.lineWidth = 1.5;
    for (const step of steps) {
      pen.beginPath();
      for (const side of [-5, 0, 5])
        pen.lineTo(chart.px(step) + side, chart.bottom - (side ? 10 : 1));
      pen.closePath();
      pen.fill();
      pen.stroke();
    }
    if (!steps.length) return;
    const words = `${row.toUpperCase()}: below ${powerWords(FLOOR)}`;
    label(pen, colours, words, chart.px(steps[0]) - 10, chart.bottom - 9, { align: "right" });
  }

  drawMarker(colours, row, at) {
    const { chart, state } = this;
    const { pen } = chart;
    const value = Math.exp(mix(...[Math.floor(at), Math.ceil(at)].map(
      (step) => Math.log(this.level(state.curves[`var_${row}`][step]))), at % 1));
    const [x, y] = [chart.px(at), chart.py(value)];
    pen.fillStyle = colours.q;
    pen.strokeStyle = colours.bg;
    pen.lineWidth = 2;
    pen.beginPath();
    if (row === "a") pen.arc(x, y, 6, 0, TURN);
    else pen.rect(x - 5.5, y - 5.5, 11, 11);
    pen.fill();
    pen.stroke();
  }

  /** At the right end of each line, apart from the other. */
  drawNames(colours) {
    const { chart, state } = this;
    const end = (row) => chart.py(this.level(state.curves[`var_${row}`][state.last]));
    let [a, b] = ROWS.map(end);
    const near = 8 - Math.abs(a - b) / 2;
    if (near > 0) [a, b] = a < b ? [a - near, b + near] : [a + near, b - near];
    const options = { align: "left", size: 14 };
    label(chart.pen, colours, "A", chart.right + 12, a, options);
    label(chart.pen, colours, "B", chart.right + 12, b, options);
  }
}

// ---- 5. The view ----

const KEYS = "Left and right arrow step, with Shift by ten; Home and End go to the ends, " +
  "Space plays or pauses. Triangle and bar: the mean and one standard error.";

/** Three digits that count; below the floor, that. */
const amount = (value) => value < FLOOR
  ? `below ${powerWords(FLOOR)}`
  : value.toLocaleString("en", { maximumSignificantDigits: 3 });

class WalkView extends Sheet {
  constructor(state, el) {
    super(state, "variance-explorer");
    this.build();
    this.connect();
    this.parts = [new Outline(state, this.outline), new Rows(state, this.rows),
      (this.variances = new Variances(state, this.steps))];
    this.open(el, this.steps);
  }

  build() {
    const { draws, dots, J } = this.state.meta;
    this.outline = make("div", { class: "lex-chart lex-outline", testid: "outline", role: "img",
      "aria-label": `q and the posterior${J === 2 ? " as ellipses of one and two sigma" : ""}` });
    this.rows = make("div", { class: "lex-chart lex-outline", testid: "rows", role: "img",
      "aria-label": "Values of A and of B, one a draw, about the bound" });
    this.steps = make("div", { class: "lex-chart lex-steps", testid: "steps", tabindex: 0,
      role: "slider", "aria-label": "Step of the walk; variances of A and of B",
      "aria-valuemin": 0, "aria-valuemax": this.state.last,
      "aria-describedby": `${this.id}-keys` });
    this.slider = makeSlider("step", "step", "Step of the walk",
      { min: 0, max: this.state.last, step: 1 });
    this.play = make("button", { type: "button", class: "lex-wide", testid: "play" });
    this.readout = make("p", { class: "lex-readout", testid: "readout" });
    const count = dots < draws ? `the first ${dots} of ${draws.toLocaleString("en")}` : `${draws}`;
    const hint = "Walk q to the posterior: Play, or drag over the lowest chart. Dots: " +
      `${count} estimates of the bound by A and by B, one draw each; their noise stays the same.`;
    this.root.append(
      make("p", { class: "lex-hint", text: hint }),
      make("div", { class: "lex-columns" }, this.outline, this.rows),
      make("div", { class: "lex-walk" }, this.play,
        make("div", { class: "lex-sliders lex-blue" }, this.slider.row)),
      this.steps, this.readout,
      make("p", { class: "lex-notes", text: KEYS, id: `${this.id}-keys` }));
  }

  connect() {
    const { state } = this;
    const toggle = () => state.play(!state.get("playing"));
    this.on(this.play, "click", toggle);
    this.on(this.slider.input, "input", () => state.goTo(Number(this.slider.input.value)));
    steerDrag(this.steps, this.signal, (x, y) => state.goTo(this.variances.chart.at(x, y)[0]));
    steerKeys(this.steps, this.signal,
      (_, sign, far) => state.goTo(state.get("step") + sign * (far ? 10 : 1)),
      { Home: () => state.goTo(0), End: () => state.goTo(state.last), " ": toggle });
  }

  draw() {
    for (const part of this.parts) part.draw(this.colours);
    const step = this.state.get("step");
    const { input, output } = this.slider;
    if (Number(input.value) !== step) input.value = step;
    output.textContent = step;
    this.play.textContent = this.state.get("playing") ? "\u25ae\u25ae Pause" : "\u25b6 Play";
    this.readout.textContent = this.words();
    this.steps.setAttribute("aria-valuenow", step);
    this.steps.setAttribute("aria-valuetext", `step ${step}`);
  }

  words() {
    const { step, bound, a, b } = this.state.summary();
    const { evidence } = this.state.meta;
    const top = evidence === null ? "" : `, log p(x) = ${nats(evidence)} nats`;
    return `Step ${step} of ${this.state.last}: bound = ${nats(bound)} nats${top}.\n` +
      `Variance of one draw: A ${amount(a.variance)}, B ${amount(b.variance)} nats\u00b2. ` +
      this.verdict(a.variance, b.variance);
  }

  verdict(a, b) {
    if (Math.max(a, b) < FLOOR) return "Both are exact.";
    if (Math.min(a, b) < FLOOR) return `${a < b ? "A" : "B"} is exact at every draw.`;
    const ratio = Math.max(a, b) / Math.min(a, b);
    if (ratio < 1.005) return "Neither is quieter.";
    return `${a < b ? "A" : "B"} is quieter, by a factor of ${amount(ratio)}.`;
  }

  spokenState() {
    if (this.state.get("playing")) return "Walking to the posterior.";
    return aloud(this.words().replace(powerWords(FLOOR), "a millionth").slice(0, -1))
      .replaceAll("\u00b2", " squared");
  }

  dispose() {
    super.dispose();
    if (!this.state.views.size) this.state.put("playing", false);
  }
}

// ---- 6. Ways in: a notebook's widget, or a saved page ----

const makeState = (model) => new Walk(model);
const makeView = (state, el) => new WalkView(state, el);
export default widgetOf(makeState, makeView);
export const openSaved = savedOf(makeState, makeView, { playing: false });
