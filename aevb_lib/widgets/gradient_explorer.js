/* GradientExplorer: the same noise draws slide along f as q moves; two estimates of one
   gradient fill their histograms. 1 the state and its sums, 2 the draws on f, 3 the
   histograms, 4 the view, 5 ways in. Shared parts are in _common.js. */

// ---- 1. The state: f, its exact gradients, and both estimates of every draw ----

const TRAITS = "mu sigma dimension baseline parameter n_draws playing";
const JUMPS = [10, 30, 100, 300, 1000, Infinity]; // draws, for those who want less motion
const within = (value, [low, high]) => Math.max(low, Math.min(high, value));

class Gradients extends State {
  constructor(model) {
    super(model, TRAITS.split(" "));
    this.meta = model.get("_meta");
    this.limits = this.meta.limits;
    this.N = this.limits.n_draws[1];
    this.noise = floatsOf(model.get("_noise"));
    this.wide = this.noise.length / this.N;
    this.first = ["mu", "sigma"].map((name) => [name, model.get(name)]);
    this.clock = makeClock((seconds, jump) => this.more(seconds, jump));
    this.clock.run(this.get("playing"));
  }

  changed(name) {
    if (name === "playing") this.clock.run(this.get("playing"));
    this.tell(name);
  }

  move(name, value) {
    this.put(name, tidy(within(value, this.limits[name])));
  }

  home() {
    for (const [name, value] of this.first) this.move(name, value);
  }

  // -- Play: a few draws a second at first, faster later
  play(on) {
    if (on && this.get("n_draws") >= this.N) this.put("n_draws", this.limits.n_draws[0]);
    this.put("playing", on);
  }

  more(seconds, jump) {
    const n = this.get("n_draws");
    if (!(Math.floor(this.exactly) === n)) this.exactly = n;
    this.exactly += Math.max(20, 0.4 * n) * seconds;
    const next = jump ? JUMPS.find((k) => k > n) : Math.floor(this.exactly);
    this.put("n_draws", Math.min(this.N, next));
    if (next >= this.N) this.put("playing", false);
  }

  /** mu, sigma, J */
  q() {
    return ["mu", "sigma", "dimension"].map((name) => this.get(name));
  }

  // -- f, one term a latent
  term(z) {
    const { square, linear, sine } = this.meta;
    return (square * z + linear) * z + sine * Math.sin(z);
  }

  slope(z) {
    const { square, linear, sine } = this.meta;
    return 2 * square * z + linear + sine * Math.cos(z);
  }

  eps(draw, latent = 0) {
    return this.noise[draw * this.wide + latent];
  }

  /** dz/dmu, or dz/dlog_var: what the pathwise gradient multiplies f' by. */
  lever(eps) {
    return this.get("parameter") === "mu" ? 1 : (this.get("sigma") * eps) / 2;
  }

  /** E[f], its gradients for mu_1 and log sigma_1^2, and the baseline, all exact. */
  exact() {
    const { square, linear, sine, constant } = this.meta;
    const [mu, sigma, J] = this.q();
    const wave = sine * Math.exp(-(sigma ** 2) / 2);
    const each = square * (mu ** 2 + sigma ** 2) + linear * mu + wave * Math.sin(mu);
    const mean = J * each + constant;
    const bend = sigma ** 2 * (2 * square - wave * Math.sin(mu)); // sigma^2 E[f'']
    const forMu = this.get("parameter") === "mu";
    const gradient = forMu ? 2 * square * mu + linear + wave * Math.cos(mu) : bend / 2;
    const more = (sigma ** 4 / 2) * wave * Math.sin(mu); // from the fourth derivative
    const best = forMu ? mean + bend : mean + 2 * bend + more;
    return { mean, gradient, baseline: { none: 0, mean, best }[this.get("baseline")] };
  }

  /** sum_j eps_j and sum_j eps_j^2 of every draw, j up to J. */
  noiseSums(J) {
    return this.remember("sums", [J], () => {
      const sums = [new Float64Array(this.N), new Float64Array(this.N)];
      for (let l = 0; l < this.N; l++)
        for (let j = 0; j < J; j++) {
          const eps = this.eps(l, j);
          sums[0][l] += eps;
          sums[1][l] += eps * eps;
        }
      return sums;
    });
  }

  /** f at every draw, summed over the J latents. */
  values() {
    const [mu, sigma, J] = this.q();
    return this.remember("values", [mu, sigma, J], () => {
      const { square, linear, sine, constant } = this.meta;
      const [ones, twos] = this.noiseSums(J);
      return Float64Array.from(ones, (one, l) => {
        const sum = J * mu + sigma * one;
        const squares = J * mu * mu + 2 * mu * sigma * one + sigma * sigma * twos[l];
        let waves = 0;
        if (sine)
          for (let j = 0; j < J; j++) waves += Math.sin(mu + sigma * this.eps(l, j));
        return square * squares + linear * sum + sine * waves + constant;
      });
    });
  }

  /** Both estimates of the gradient from every draw alone: { pathwise, score }. */
  estimates() {
    const keys = TRAITS.split(" ").slice(0, 5).map((name) => this.get(name));
    return this.remember("estimates", keys, () => {
      const [mu, sigma] = keys;
      const { baseline } = this.exact();
      const forMu = this.get("parameter") === "mu";
      const weigh = forMu ? (eps) => eps / sigma : (eps) => (eps * eps - 1) / 2;
      const f = this.values();
      const path = (eps) => this.slope(mu + sigma * eps) * this.lever(eps);
      return {
        pathwise: f.map((_, l) => path(this.eps(l))),
        score: f.map((value, l) => (value - baseline) * weigh(this.eps(l))),
      };
    });
  }

  /** Half the width that both histograms share, about the exact gradient: 1, 2 or 5
      times a power of ten, with 98.5 in 100 of either's 2,000 draws inside. */
  halfWidth() {
    const both = this.estimates();
    return this.remember("half", [both], () => {
      const { gradient } = this.exact();
      const far = (values) => values.map((value) => Math.abs(value - gradient)).sort();
      const place = Math.floor(0.985 * this.N);
      const raw = Math.max(far(both.pathwise)[place], far(both.score)[place], 1e-6);
      const power = 10 ** Math.floor(Math.log10(raw));
      return [1, 2, 5, 10].find((k) => k * power >= raw) * power;
    });
  }

  /** Mean, variance of one draw, and standard error of the first n draws' estimates. */
  summary() {
    const n = this.get("n_draws");
    const both = this.estimates();
    return this.remember("summary", [both, n], () => {
      const of = (values) => {
        let [mean, squares] = [0, 0];
        for (let l = 0; l < n; l++) mean += values[l];
        mean /= n;
        for (let l = 0; l < n; l++) squares += (values[l] - mean) ** 2;
        const rounding = n * (1e-12 * mean) ** 2;
        const variance = squares > rounding ? squares / (n - 1) : 0;
        return { mean, variance, error: Math.sqrt(variance / n) };
      };
      return { n, ...this.exact(), pathwise: of(both.pathwise), score: of(both.score) };
    });
  }

  dispose() {
    this.clock.run(false);
    super.dispose();
  }
}

// ---- 2. The draws on f: from noise (bottom) through q to the curve (top) ----

const SHOWN = 24; // draws
const REACH = 4; // the z axis ends there
const GRID = Array.from({ length: 201 }, (_, k) => REACH * (k / 100 - 1));
const PEAK = 52; // pixels a unit of density, for the noise and for q alike
const bell = (z) => Math.exp(-z * z / 2) / Math.sqrt(TURN);

class Draws {
  constructor(state, box) {
    this.state = state;
    this.chart = new Chart(box, { x: [-REACH, REACH], y: [0, 1], pad: [30, 8, 196, 40] });
    const middle = GRID.filter((z) => Math.abs(z) <= 3.2);
    const heights = middle.map((z) => state.term(z));
    const [low, high] = [Math.min(...heights), Math.max(...heights)];
    this.range = [low - 0.06 * (high - low), high + 0.04 * (high - low)];
    const steepest = Math.max(...middle.map((z) => Math.abs(state.slope(z))));
    this.pixelsPerSlope = 64 / steepest;
  }

  /** z a pixel, for a drag. */
  get scale() {
    return (2 * REACH) / (this.chart.right - this.chart.left);
  }

  draw(colours) {
    const { chart, state } = this;
    const [mu, sigma, J] = state.q();
    const lift = J === 1 ? state.meta.constant : 0;
    chart.y = this.range.map((value) => value + lift);
    chart.start();
    this.zLine = chart.high - 130;
    this.noiseLine = chart.high - 38;
    const count = Math.min(SHOWN, state.get("n_draws"));
    const draws = Array.from({ length: count }, (_, l) => {
      const eps = state.eps(l);
      const z = mu + sigma * eps;
      const push = state.slope(z) * state.lever(eps);
      return { eps, z, height: state.term(z) + lift, push };
    });
    this.drawHill(colours.noise, 0, 1, this.noiseLine);
    this.drawHill(colours.q, mu, sigma, this.zLine);
    this.drawWays(colours, draws);
    chart.curve(GRID, GRID.map((z) => state.term(z) + lift), colours.ink);
    this.drawPoints(colours, draws);
    this.drawAxes(colours);
    this.drawNames(colours, mu, sigma, J);
  }

  /** The density of N(mu, sigma^2), standing on the line at `base`. */
  drawHill(colour, mu, sigma, base) {
    const { chart } = this;
    const { pen } = chart;
    pen.beginPath();
    for (const z of GRID)
      pen.lineTo(chart.px(z), base - (PEAK / sigma) * bell((z - mu) / sigma));
    pen.strokeStyle = pen.fillStyle = colour;
    pen.lineWidth = 1.5;
    pen.globalAlpha = 0.2;
    pen.fill();
    pen.globalAlpha = 0.9;
    pen.stroke();
    pen.globalAlpha = 1;
  }

  /** From eps up to z, and on to f(z). */
  drawWays(colours, draws) {
    const { chart } = this;
    const { pen } = chart;
    pen.lineWidth = 1;
    for (const { eps, z, height } of draws) {
      const [from, to] = [chart.px(eps), chart.px(z)];
      pen.strokeStyle = colours.noise;
      pen.globalAlpha = 0.75;
      line(pen, from, this.noiseLine, to, this.zLine);
      pen.strokeStyle = colours.q;
      pen.globalAlpha = 0.3;
      line(pen, to, this.zLine, to, Math.max(chart.top, chart.py(height)));
    }
    pen.globalAlpha = 1;
    pen.strokeStyle = colours.noise;
    pen.lineWidth = 1.5;
    for (const { eps } of draws)
      line(pen, chart.px(eps), this.noiseLine - 5, chart.px(eps), this.noiseLine + 5);
    pen.fillStyle = colours.q;
    for (const { z } of draws) fillDot(pen, chart.px(z), this.zLine, 2.5);
  }

  drawPoints(colours, draws) {
    const { chart } = this;
    chart.inside((pen) => {
      pen.lineWidth = 1.25;
      for (const { z, height, push } of draws) {
        const [x, y] = [chart.px(z), chart.py(height)];
        const far = Math.max(-90, Math.min(90, push * this.pixelsPerSlope));
        pen.strokeStyle = pen.fillStyle = colours.q;
        arrow(pen, x, y, x + far, y);
        fillDot(pen, x, y, 3);
      }
    });
  }

  drawAxes(colours) {
    const { chart } = this;
    const { pen } = chart;
    pen.strokeStyle = colours.line;
    pen.lineWidth = 1;
    for (const y of [this.zLine, this.noiseLine]) line(pen, chart.left, y, chart.right, y);
    line(pen, chart.left, chart.top, chart.left, chart.bottom);
    pen.font = `12px ${FONT}`;
    pen.fillStyle = colours.soft;
    pen.textBaseline = "middle";
    pen.textAlign = "center";
    for (const tick of [-3, -2, -1, 0, 1, 2, 3])
      pen.fillText(tickWords(tick), chart.px(tick), this.noiseLine + 15);
    pen.fillText("one scale for \u03b5 and for z", chart.px(0), chart.high - 7);
    pen.textAlign = "right";
    for (const tick of ticks(...chart.y, 4)) {
      line(pen, chart.left - 4, chart.py(tick), chart.left, chart.py(tick));
      pen.fillText(tickWords(tick), chart.left - 6, chart.py(tick));
    }
  }

  drawNames(colours, mu, sigma, J) {
    const { chart, state } = this;
    const say = (words, x, y, align, colour) =>
      label(chart.pen, colours, words, x, y, { align, colour });
    const { f, term } = state.meta;
    const name = J === 1 ? `f(z) = ${f}` : `${term}: one of the ${J} terms of f(z)`;
    say(name, chart.left, 12, "left");
    say("z", chart.left - 12, this.zLine, "center", colours.q);
    say("\u03b5", chart.left - 12, this.noiseLine, "center", colours.soft);
    const side = mu > 0 ? -1 : 1;
    const x = chart.px(mu + side * 1.5 * sigma) + side * 8;
    say("q(z)", x, this.zLine - 16, side < 0 ? "right" : "left", colours.q);
    say("N(0, 1)", chart.px(-side * 2) - side * 8, this.noiseLine - 12,
      side < 0 ? "left" : "right", colours.soft);
  }
}

// ---- 3. The histograms of both estimates, one above the other, on one axis ----

const BINS = 41; // odd: the exact gradient lies in the middle of one

/** Counts of the first n values in BINS bins over [low, high], and beyond its ends. */
function histogram(values, n, low, high) {
  const counts = new Array(BINS).fill(0);
  let [below, above] = [0, 0];
  for (let l = 0; l < n; l++) {
    const bin = Math.floor(((values[l] - low) / (high - low)) * BINS);
    if (bin < 0) below += 1;
    else if (bin >= BINS) above += 1;
    else counts[bin] += 1;
  }
  return { counts, below, above };
}

class Histograms {
  constructor(state, box) {
    this.state = state;
    this.chart = new Chart(box, { x: [0, 1], y: [0, 1], pad: [24, 10, 38, 10] });
  }

  draw(colours) {
    const { chart, state } = this;
    const summary = state.summary();
    const half = state.halfWidth();
    chart.x = [summary.gradient - half, summary.gradient + half];
    chart.xName = "one draw\u2019s estimate of the gradient";
    chart.start();
    const middle = (chart.top + chart.bottom) / 2;
    const panels = [
      ["pathwise", chart.top, middle - 4, colours.q],
      ["score", middle + 4, chart.bottom, colours.noise],
    ];
    for (const panel of panels) this.drawBars(colours, ...panel);
    chart.axes(colours, { xTicks: ticks(...chart.x, 6), yTicks: false });
    this.drawExact(colours, summary.gradient);
    for (const panel of panels) this.drawMean(colours, ...panel);
    for (const [name, top] of panels)
      label(chart.pen, colours, this.title(name), chart.left, top + 10, { align: "left" });
  }

  counts(name) {
    const { state } = this;
    return histogram(state.estimates()[name], state.get("n_draws"), ...this.chart.x);
  }

  drawBars(colours, name, top, bottom, colour) {
    const { chart, state } = this;
    const { pen } = chart;
    const { counts, below, above } = this.counts(name);
    const base = bottom - 26; // under it, the mean and its standard error
    const room = base - top - 30;
    const tallest = Math.max(...counts, 1);
    const full = room * (state.get("n_draws") / state.N) ** 0.2; // they grow as they fill
    pen.fillStyle = pen.strokeStyle = colour;
    pen.lineWidth = 1;
    counts.forEach((count, k) => {
      if (!count) return;
      const left = chart.px(chart.x[0] + ((chart.x[1] - chart.x[0]) * k) / BINS);
      const wide = (chart.right - chart.left) / BINS;
      const high = Math.max(1.5, (full * count) / tallest);
      pen.globalAlpha = 0.55;
      pen.fillRect(left + 0.5, base - high, wide - 1, high);
      pen.globalAlpha = 1;
      line(pen, left + 0.5, base - high, left + wide - 0.5, base - high);
    });
    pen.strokeStyle = colours.line;
    line(pen, chart.left, base, chart.right, base);
    const say = (words, x, align) =>
      label(pen, colours, words, x, bottom - 13, { align, colour: colours.soft });
    if (below) say(`\u25c2 ${below} beyond`, chart.left, "left");
    if (above) say(`${above} beyond \u25b8`, chart.right, "right");
  }

  drawMean(colours, name, top, bottom, colour) {
    const { chart, state } = this;
    const { mean, error } = state.summary()[name];
    const [low, x, high] = [-error, 0, error].map((more) => chart.px(mean + more));
    chart.inside((pen) => meanMark(pen, colours, x, bottom - 24, low, high, colour));
  }

  /** What each panel shows, as a formula of one draw. */
  title(name) {
    const forMu = this.state.get("parameter") === "mu";
    if (name === "pathwise")
      return `pathwise: f\u2032(z\u2081)${forMu ? "" : " \u03c3\u03b5\u2081/2"}`;
    const f = this.state.get("baseline") === "none" ? "f(z)" : "(f(z) \u2212 b)";
    const score = forMu
      ? "(z\u2081 \u2212 \u03bc)/\u03c3\u00b2"
      : "(\u03b5\u2081\u00b2 \u2212 1)/2";
    return `score function: ${f} ${score}`;
  }

  drawExact(colours, gradient) {
    const { chart } = this;
    const { pen } = chart;
    pen.strokeStyle = colours.ink;
    pen.lineWidth = 2;
    line(pen, chart.px(gradient), 20, chart.px(gradient), chart.bottom);
    label(pen, colours, "exact", chart.px(gradient), 10);
  }
}

// ---- 4. The view ----

const KEYS = "Left and right arrow move \u03bc, up and down change \u03c3, with Shift farther. " +
  "Space adds draws or pauses, Home goes back to the first \u03bc and \u03c3. " +
  "Under each histogram: the mean (triangle) and one standard error to each side (bar).";
const HINT = "Drag over the curve: across moves \u03bc, up widens \u03c3. " +
  "The noise \u03b5 stays; each draw z = \u03bc + \u03c3\u03b5 slides along f. " +
  "Its arrow is its pathwise gradient.";
const PARAMETERS = { mu: "\u03bc\u2081", log_var: "log \u03c3\u2081\u00b2" };

/** Three digits that count, and what stands before them: 0.0123, 12,300. */
const brief = (value) =>
  value.toLocaleString("en", { maximumSignificantDigits: 3 }).replace("-", "\u2212");

/** Mean and standard error, to two digits of the error. */
function pair(mean, error) {
  const wanted = error > 0 ? 1 - Math.floor(Math.log10(error)) : 2;
  const digits = Math.max(0, Math.min(8, wanted));
  return `${shown(mean, digits)} \u00b1 ${error > 0 ? shown(error, digits) : "0"}`;
}

class GradientView extends Sheet {
  constructor(state, el) {
    super(state, "gradient-explorer");
    this.build();
    this.connect();
    this.draws = new Draws(state, this.left);
    this.histograms = new Histograms(state, this.right);
    this.open(el, this.left);
  }

  build() {
    const { limits, dimensions } = this.state.meta;
    this.left = make("div", {
      class: "lex-chart lex-tall", testid: "draws", tabindex: 0, role: "application",
      "aria-roledescription": "two-dimensional slider", "aria-label": "Mean and sigma of q",
      "aria-describedby": `${this.id}-keys`,
    });
    this.right = make("div", {
      class: "lex-chart lex-tall", testid: "histograms", role: "img",
      "aria-label": "Histograms of both estimates; the table has their numbers",
    });
    const slider = (name, sign, words, step) => {
      const [min, max] = limits[name];
      return makeSlider(name, sign, words, { min, max, step });
    };
    this.sliders = {
      mu: slider("mu", "\u03bc", "mu, the mean of q", 0.01),
      sigma: slider("sigma", "\u03c3", "sigma of q", 0.01),
      n_draws: slider("n_draws", "draws", "number of draws", 1),
    };
    this.selects = {
      dimension: makeSelect("dimension", "Number of latents J", dimensions.map((J) => [J, J])),
      baseline: makeSelect("baseline", "Baseline of the score function",
        [["none", "none"], ["mean", "E[f]"], ["best", "best constant"]]),
      parameter: makeSelect("parameter", "Gradient with respect to",
        Object.entries(PARAMETERS)),
    };
    const named = (words, name) => make("label", {}, words, this.selects[name]);
    const button = (testid, text) => make("button", { type: "button", testid, text });
    this.play = button("play");
    this.play.classList.add("lex-wide");
    this.all = button("all", "All draws");
    this.again = button("again", "Start again");
    const rows = ["mu", "sigma"].map((name) => this.sliders[name].row);
    this.root.append(
      make("p", { class: "lex-hint", text: HINT }),
      make("div", { class: "lex-controls lex-choices" }, named("latents J", "dimension"),
        named("baseline b", "baseline"), named("gradient for", "parameter")),
      make("div", { class: "lex-columns" },
        make("div", {}, this.left, make("div", { class: "lex-sliders lex-blue" }, ...rows)),
        make("div", {}, this.right,
          make("div", { class: "lex-sliders lex-blue" }, this.sliders.n_draws.row),
          make("div", { class: "lex-controls" }, this.play, this.all, this.again))),
      this.buildTable(),
      make("p", { class: "lex-notes", text: KEYS, id: `${this.id}-keys` }));
  }

  buildTable() {
    const head = (text, scope) => make("th", { scope, text });
    this.cells = {};
    const row = (name, words) => {
      const both = ["pathwise", "score"].map((kind) => `${kind}-${name}`)
        .map((testid) => (this.cells[testid] = make("td", { testid })));
      return make("tr", {}, head(words, "row"), ...both);
    };
    this.caption = make("caption", { testid: "readout" });
    this.ratio = make("p", { class: "lex-readout", testid: "ratio" });
    const table = make("table", { class: "lex-table" }, this.caption,
      make("tr", {}, make("td"), head("pathwise", "col"), head("score function", "col")),
      row("mean", "mean \u00b1 standard error"), row("variance", "variance of one draw"));
    return make("div", {}, table, this.ratio);
  }

  connect() {
    const { state } = this;
    for (const [name, { input }] of Object.entries(this.sliders))
      this.on(input, "input", () => {
        if (name === "n_draws") state.put("playing", false);
        state.move(name, Number(input.value));
      });
    for (const [name, select] of Object.entries(this.selects))
      this.on(select, "change", () =>
        state.put(name, name === "dimension" ? Number(select.value) : select.value));
    const toggle = () => state.play(!state.get("playing"));
    this.on(this.play, "click", toggle);
    this.on(this.all, "click", () => this.setDraws(state.N));
    this.on(this.again, "click", () => this.setDraws(state.limits.n_draws[0]));
    let from = null; // where the drag began: x, y in pixels, mu, sigma
    steerDrag(this.left, this.signal, (x, y, first) => {
      if (first) from = [x, y, state.get("mu"), state.get("sigma")];
      state.move("mu", from[2] + (x - from[0]) * this.draws.scale);
      state.move("sigma", from[3] + (from[1] - y) / 120);
    });
    steerKeys(this.left, this.signal, (axis, sign, far) => {
      const name = axis ? "sigma" : "mu";
      state.move(name, state.get(name) + sign * (axis ? 0.05 : 0.1) * (far ? 5 : 1));
    }, { Home: () => state.home(), " ": toggle });
  }

  setDraws(n) {
    if (n === this.state.N) this.state.put("playing", false);
    this.state.put("n_draws", n);
  }

  draw() {
    this.draws.draw(this.colours);
    this.histograms.draw(this.colours);
    this.drawControls();
    this.drawWords();
  }

  drawControls() {
    const { state } = this;
    for (const [name, { input, output }] of Object.entries(this.sliders)) {
      const value = state.get(name);
      if (Number(input.value) !== value) input.value = value;
      output.textContent = shown(value, name === "n_draws" ? 0 : 2);
    }
    for (const [name, select] of Object.entries(this.selects)) select.value = state.get(name);
    this.play.textContent = state.get("playing") ? "\u25ae\u25ae Pause" : "\u25b6 Play";
  }

  drawWords() {
    const { n, gradient, mean, pathwise, score } = this.state.summary();
    const of = PARAMETERS[this.state.get("parameter")];
    this.caption.textContent = `${n.toLocaleString("en")} draws. ` +
      `Exact: \u2202E[f]/\u2202${of} = ${brief(gradient)}, E[f] = ${brief(mean)}.`;
    for (const [kind, got] of [["pathwise", pathwise], ["score", score]]) {
      this.cells[`${kind}-mean`].textContent = pair(got.mean, got.error);
      this.cells[`${kind}-variance`].textContent = brief(got.variance);
    }
    this.ratio.textContent = this.ratioWords();
  }

  ratioWords() {
    const { pathwise, score } = this.state.summary();
    if (!pathwise.variance)
      return "Every draw has the same pathwise estimate: it has no variance.";
    const ratio = score.variance / pathwise.variance;
    if (ratio < 1)
      return `Here the score function wins: its variance is ${brief(1 / ratio)} times smaller.`;
    return `The score function\u2019s variance is ${brief(ratio)} times the pathwise one: ` +
      `it needs ${brief(ratio)} times as many draws for the same error.`;
  }

  spokenState() {
    const { n, gradient, pathwise, score } = this.state.summary();
    const [mu, sigma, J] = this.state.q().map((value) => brief(value));
    const words = `mu ${mu}, sigma ${sigma}, latents ${J}, draws ${n}. ` +
      `Exact gradient ${brief(gradient)}. Pathwise ${pair(pathwise.mean, pathwise.error)}, ` +
      `score function ${pair(score.mean, score.error)}. ${this.ratioWords()}`;
    return words.replaceAll("\u2212", "minus ").replaceAll("\u00b1", "plus or minus");
  }

  dispose() {
    super.dispose();
    if (!this.state.views.size) this.state.put("playing", false);
  }
}

// ---- 5. Ways in: a notebook's widget, or a saved page ----

const makeState = (model) => new Gradients(model);
const makeView = (state, el) => new GradientView(state, el);
export default widgetOf(makeState, makeView);
export const openSaved = savedOf(makeState, makeView, { playing: false });
