/* BoundExplorer: drag q over the exact posterior; log p(x) = bound + KL(q || posterior).
   1 sums over the grid, 2 the state, 3 the posterior's picture, 4 the bar, 5 the view.
   One latent is treated as two, whose second axis has one point of weight 1. */

// ---- 1. Sums over the grid ----

const REACH = 6; // mu +- 6 sigma stays within the grid
const FINEST = 1.2; // sigma in steps of the grid

/** Logarithms of the weights of N(mu, sigma^2) on an axis; the weights sum to 1. */
function logWeights({ low, step, count }, mu, sigma) {
  const log = Float64Array.from({ length: count },
    (_, k) => -0.5 * ((low + k * step - mu) / sigma) ** 2);
  const total = logSum(log);
  return log.map((value) => value - total);
}

/** bound = sum q (log p(x, z) - log q) and KL = sum q (log q - log p(z|x)): two sums,
    of the masses of the grid's cells. logQ: one row an axis. */
function sumBoth(logP, logEvidence, logQ) {
  const [first, second] = [logQ[0], logQ[1] ?? [0]];
  const [q1, q2] = [first, second].map((row) => Float64Array.from(row, Math.exp));
  let [bound, kl, k] = [0, 0, 0];
  for (let i = 0; i < q1.length; i++)
    for (let j = 0; j < q2.length; j++, k++) {
      const q = q1[i] * q2[j];
      const log = first[i] + second[j];
      bound += q * (logP[k] - log);
      kl += q * (log - (logP[k] - logEvidence));
    }
  return { bound, klPosterior: kl };
}

// ---- 2. The state ----

class Bound extends State {
  constructor(model) {
    super(model, ["mu", "sigma"]);
    const { low, high, count, view, start, bar } = model.get("_meta");
    this.J = low.length;
    this.axes = low.map((from, j) => ({
      low: from, high: high[j], count: count[j], step: (high[j] - from) / (count[j] - 1),
      view: view[j],
    }));
    this.start = start;
    this.range = bar;
    const logCell = this.axes.reduce((sum, { step }) => sum + Math.log(step), 0);
    this.logP = doublesOf(model.get("_log_joint")).map((value) => value + logCell);
    this.logEvidence = logSum(this.logP);
    this.posterior = this.logP.map((value) => Math.exp(value - this.logEvidence - logCell));
    this.peak = this.posterior.reduce((top, value) => Math.max(top, value), 0);
  }

  /** The numbers of the q that is shown, in nats. */
  numbers() {
    const [mu, sigma] = [this.get("mu"), this.get("sigma")];
    return this.remember("numbers", [mu, sigma], () => {
      const logQ = this.axes.map((axis, j) => logWeights(axis, mu[j], sigma[j]));
      const sums = sumBoth(this.logP, this.logEvidence, logQ);
      const klPrior = mu.reduce((sum, m, j) =>
        sum + 0.5 * (m * m + sigma[j] ** 2 - 1 - 2 * Math.log(sigma[j])), 0);
      return {
        ...sums, klPrior, logEvidence: this.logEvidence, reconstruction: sums.bound + klPrior,
        residual: this.logEvidence - (sums.bound + sums.klPosterior),
      };
    });
  }

  /** [least, most] of sigma_j, with mu where it is, or anywhere. */
  sigmaRange(j, mu) {
    const { low, high, step } = this.axes[j];
    const room = mu === undefined ? (high - low) / 2 : Math.min(mu - low, high - mu);
    return [FINEST * step, Math.max(FINEST * step, room / REACH)];
  }

  set(mu, sigma) {
    this.put("mu", mu);
    this.put("sigma", sigma);
  }

  /** mu_j, as far as 6 sigma and the chart allow. */
  moveMu(j, value) {
    const { low, high, view } = this.axes[j];
    const room = REACH * this.get("sigma")[j];
    const next = this.get("mu").slice();
    next[j] = Math.max(low + room, view[0], Math.min(high - room, view[1], value));
    this.rest();
    this.put("mu", next);
  }

  moveSigma(j, value) {
    const [least, most] = this.sigmaRange(j, this.get("mu")[j]);
    const next = this.get("sigma").slice();
    next[j] = Math.max(least, Math.min(most, value));
    this.rest();
    this.put("sigma", next);
  }

  /** Goes to another q within 0.45 s: mu evenly, sigma by even factors. */
  glide(to) {
    this.rest();
    if (calm()) return this.set(to.mu, to.sigma);
    const [mu, sigma, began] = [this.get("mu"), this.get("sigma"), performance.now()];
    const go = (now) => {
      const part = Math.max(0, Math.min(1, (now - began) / 450));
      if (part === 1) return this.set(to.mu, to.sigma);
      const eased = part * part * (3 - 2 * part);
      this.set(mu.map((m, j) => m + eased * (to.mu[j] - m)),
        sigma.map((s, j) => s * (to.sigma[j] / s) ** eased));
      this.gliding = requestAnimationFrame(go);
    };
    this.gliding = requestAnimationFrame(go);
  }

  rest() {
    cancelAnimationFrame(this.gliding);
  }

  dispose() {
    this.rest();
    super.dispose();
  }
}

// ---- 3. The posterior's picture ----

/** Heat map and the two contours, which hold as much as 1 and 2 sigma of a Gaussian. */
function drawPosterior(chart, state, colours) {
  const [across, up] = state.axes;
  const heat = state.remember("heat", [colours.p], () => heatMap(across, up,
    (i, j) => state.posterior[i * up.count + j] / state.peak, colours.p));
  const outlines = state.remember("outlines", [], () =>
    massLevels(state.posterior, [1 - Math.exp(-0.5), 1 - Math.exp(-2)])
      .map((level) => contour(state.posterior, across, up, level)));
  const x = (k) => chart.px(across.low + k * across.step);
  const y = (k) => chart.py(up.low + k * up.step);
  drawHeat(chart, heat, across, up);
  chart.inside((pen) => {
    pen.strokeStyle = colours.p;
    pen.lineWidth = 1.5;
    outlines.forEach((lines, k) => {
      pen.globalAlpha = k ? 0.6 : 1;
      pen.beginPath();
      for (const [x0, y0, x1, y1] of lines) {
        pen.moveTo(x(x0), y(y0));
        pen.lineTo(x(x1), y(y1));
      }
      pen.stroke();
    });
    pen.globalAlpha = 1;
  });
}

// ---- 4. The bar: the bound, KL to the posterior on it, KL to the prior beside ----

/** Heights `at`, moved apart so that words of 15 pixels fit between top and bottom. */
function spreadOut(words, top, bottom) {
  const sorted = words.filter(Boolean).sort((a, b) => a.at - b.at);
  let last = top - 15;
  for (const word of sorted) last = word.at = Math.max(last + 15, word.at);
  last = bottom + 15;
  for (const word of sorted.reverse()) last = word.at = Math.min(last - 15, word.at);
  return sorted;
}

/** Draws the bar and returns the heights of log p(x) and of the bound in pixels. */
function drawBar(chart, state, colours) {
  const { bound, klPrior, logEvidence, reconstruction } = state.numbers();
  const { pen, left, top, bottom } = chart;
  const [low, high] = chart.y;
  const broken = bound < low; // the bound lies below the axis
  const level = (value) => chart.py(Math.max(low, Math.min(high, value)));
  const evidenceAt = level(logEvidence);
  const boundAt = broken ? bottom - 30 : level(bound);
  const topAt = Math.min(boundAt, level(reconstruction));
  const [wide, thin, x] = [64, 14, left + 6];
  const beside = x + wide + 8;
  const end = beside + thin + 3;
  chart.axes(colours, { xTicks: [] });
  hatch(pen, x, evidenceAt, wide, boundAt - evidenceAt, colours.q);
  hatch(pen, beside, topAt, thin, boundAt - topAt, colours.noise, -1);
  pen.strokeStyle = pen.fillStyle = colours.ink;
  pen.lineWidth = 2;
  if (broken) arrow(pen, x + wide / 2, bottom - 26, x + wide / 2, bottom - 4);
  else {
    pen.fillRect(x, boundAt, wide, bottom - boundAt);
    line(pen, x, boundAt, end, boundAt);
  }
  pen.lineWidth = 2.5;
  line(pen, left, evidenceAt, end, evidenceAt);
  pen.strokeStyle = colours.p;
  if (reconstruction > low) line(pen, beside - 3, topAt, end, topAt);
  pen.lineWidth = 2;
  if (reconstruction > high) arrow(pen, beside + thin / 2, top + 12, beside + thin / 2, top - 8);
  const words = spreadOut([
    reconstruction > low && { text: "E[log p(x|z)]", at: topAt, colour: colours.p },
    boundAt - topAt > 20 && { text: "KL to prior", at: (topAt + boundAt) / 2, colour: colours.noise },
    { text: broken ? `bound ${nats(bound)}` : "bound", at: broken ? bottom - 10 : boundAt, colour: colours.ink },
  ], top, bottom - 6);
  for (const { text, at, colour } of words)
    label(pen, colours, text, end + 4, at, { align: "left", colour });
  label(pen, colours, "log p(x)", x + wide / 2, evidenceAt - 11);
  const middle = (evidenceAt + boundAt) / 2;
  if (boundAt - evidenceAt > 40) {
    label(pen, colours, "KL to", x + wide / 2, middle - 8, { colour: colours.q });
    label(pen, colours, "posterior", x + wide / 2, middle + 8, { colour: colours.q });
  }
  return { evidenceAt, boundAt, broken };
}

// ---- 5. The view ----

const density = (z, mu, sigma) =>
  Math.exp(-0.5 * ((z - mu) / sigma) ** 2) / (sigma * Math.sqrt(TURN));
const GRIP = 22; // a handle's reach in pixels

class BoundView extends Sheet {
  constructor(state, el) {
    super(state, "bound-explorer");
    this.flat = state.J === 1;
    this.build();
    this.connect();
    this.open(el, this.box);
  }

  // -- the page's elements
  build() {
    const { state, flat } = this;
    const [across, up] = state.axes;
    const keys = (flat
      ? "Left and right arrow keys move \u03bc, up and down change \u03c3"
      : "Arrow keys move \u03bc; the sliders change \u03c3") +
      ", with Shift faster. Home goes to the start, End to the best q.";
    this.box = make("div", {
      class: `lex-chart ${flat ? "lex-curve" : "lex-square"}`, testid: "plane", tabindex: 0,
      role: "application", "aria-roledescription": flat ? "slider" : "two-dimensional slider",
      "aria-label": "q over the posterior", "aria-describedby": `${this.id}-keys`,
    });
    this.bar = make("div", { class: "lex-chart lex-bar", testid: "bar" });
    this.buttons = [["best", "Best q"], ["start", "Start"]].map(([testid, text]) =>
      make("button", { type: "button", testid, text }));
    this.root.append(
      make("p", { class: "lex-hint", text: flat
        ? "Drag q over the posterior; its two handles set \u03c3. Watch the bar: its two parts, and its top."
        : "Drag q over the posterior; its four handles set \u03c3\u2081 and \u03c3\u2082. Watch the bar: its two parts, and its top." }),
      make("div", { class: "lex-bound" }, this.box, this.bar), this.buildSums(),
      this.buildSliders(), make("div", { class: "lex-controls" }, ...this.buttons),
      make("div", { class: "lex-notes" },
        !flat && make("p", { text: "Orange outlines: the smallest regions with 39% and 86% of the posterior, " +
          "as much as q\u2019s ellipses of 1 and 2 \u03c3 hold of q." }),
        make("p", { text: keys, id: `${this.id}-keys` })));
    const tallest = Math.max(state.peak, density(0, 0, state.get("best").sigma[0]));
    const options = flat
      ? { x: across.view, y: [0, 1.6 * tallest], xName: "z", yName: "density", pad: [12, 12, 34, 22] }
      : { x: across.view, y: up.view, xName: latentName(0), yName: latentName(1) };
    this.under = new Chart(this.box, options); // what stays, drawn once
    this.chart = new Chart(this.box, options);
    this.barChart = new Chart(this.bar, { x: [0, 1], y: state.range, yName: "nats", pad: [12, 4, 34, 46] });
  }

  /** Eq. 1 and eq. 3 as rows of numbers over their names. */
  buildSums() {
    this.terms = {};
    const term = (key, name) => {
      const value = make("b");
      (this.terms[key] ??= []).push(value);
      return make("span", { class: `lex-term lex-of-${key}` }, value, make("span", { text: name }));
    };
    const row = (...parts) => make("span", { class: "lex-sum" }, ...parts);
    this.readout = make("p", { class: "lex-readout", testid: "readout" },
      row(term("logEvidence", "log p(x)"), "=", term("bound", "bound"), "+",
        term("klPosterior", "KL(q \u2016 posterior)")),
      row(term("bound", "bound"), "=", term("reconstruction", "E[log p(x|z)]"), "\u2212",
        term("klPrior", "KL(q \u2016 prior)")));
    return this.readout;
  }

  buildSliders() {
    const { state } = this;
    this.sliders = state.axes.flatMap(({ view: [min, max] }, j) => {
      const [sub, tail] = this.flat ? ["", ""] : [latentName(j).slice(1), ` ${j + 1}`];
      const [least, most] = state.sigmaRange(j).map(Math.log);
      return [
        { j, name: "mu", ...makeSlider(`mu-${j}`, `\u03bc${sub}`, `mu${tail}`,
          { min, max, step: (max - min) / 400 }) },
        { j, name: "sigma", ...makeSlider(`sigma-${j}`, `\u03c3${sub}`, `sigma${tail}`,
          { min: least, max: most, step: (most - least) / 200 }) },
      ];
    });
    this.digits = Math.max(2, Math.min(5, 3 - Math.floor(Math.log10(state.axes[0].view[1] - state.axes[0].view[0]))));
    return make("div", { class: "lex-sliders" }, ...this.sliders.map(({ row }) => row));
  }

  // -- listeners
  connect() {
    const { state, flat } = this;
    steerDrag(this.box, this.signal, (x, y, first) => this.drag(x, y, first));
    this.on(this.box, "pointermove", (event) => {
      const { left, top } = this.box.getBoundingClientRect();
      const grip = this.gripAt(event.clientX - left, event.clientY - top);
      this.box.style.cursor = !grip.handle ? "grab" : grip.j ? "ns-resize" : "ew-resize";
    });
    const step = (axis, sign, far) => {
      if (flat && axis) return state.moveSigma(0, state.get("sigma")[0] * (far ? 1.25 : 1.05) ** sign);
      const [from, to] = state.axes[axis].view;
      state.moveMu(axis, state.get("mu")[axis] + (sign * (far ? 5 : 1) * (to - from)) / 200);
    };
    const home = () => state.glide(state.start);
    const best = () => state.glide(state.get("best"));
    steerKeys(this.box, this.signal, step, { Home: home, End: best });
    this.on(this.buttons[0], "click", best);
    this.on(this.buttons[1], "click", home);
    for (const { j, name, input } of this.sliders)
      this.on(input, "input", () => {
        const value = Number(input.value);
        if (name === "mu") state.moveMu(j, value);
        else state.moveSigma(j, Math.exp(value));
        this.touch("slider");
      });
  }

  /** q's middle and its half-widths of one sigma, in pixels. */
  spot() {
    const { chart, flat, state } = this;
    const [mu, sigma] = [state.get("mu"), state.get("sigma")];
    const rx = chart.px(mu[0] + sigma[0]) - chart.px(mu[0]);
    const x = chart.px(mu[0]);
    if (flat) return { x, rx, y: Math.max(chart.top + 12, chart.py(density(sigma[0], 0, sigma[0]))) };
    return { x, rx, y: chart.py(mu[1]), ry: chart.py(mu[1]) - chart.py(mu[1] + sigma[1]) };
  }

  /** The handles: { x, y, j, side }, 16 pixels from the middle at least. */
  handles() {
    const { x, y, rx, ry } = this.spot();
    const [across, up] = [Math.max(16, rx), Math.max(16, ry ?? 0)];
    return [1, -1].flatMap((side) => [
      { x: x + side * across, y, j: 0, side },
      ...(this.flat ? [] : [{ x, y: y - side * up, j: 1, side }]),
    ]);
  }

  /** What a press takes: a handle near it; or q, where q is; or q, brought there. */
  gripAt(px, py) {
    const { x, y, rx, ry } = this.spot();
    const far = (spot) => Math.hypot(px - spot.x, py - spot.y);
    const near = this.handles().sort((a, b) => far(a) - far(b))[0];
    const beside = this.flat ? Math.abs(px - x) : far({ x, y });
    if (far(near) < GRIP && far(near) < beside) return { ...near, handle: true };
    const within = this.flat ? Math.abs(px - x) < 2 * rx
      : Math.hypot((px - x) / rx, (py - y) / ry) < 2;
    return { dx: within ? px - x : 0, dy: within ? py - y : 0 };
  }

  drag(px, py, first) {
    const { chart, state } = this;
    const here = chart.at(px, py);
    if (first) {
      this.grip = this.gripAt(px, py);
      if (this.grip.handle) Object.assign(this.grip, { from: here, sigma: state.get("sigma") });
    }
    const { handle, j, side, from, sigma, dx, dy } = this.grip;
    if (handle) return state.moveSigma(j, sigma[j] + side * (here[j] - from[j]));
    chart.at(px - dx, py - dy).slice(0, state.J).forEach((value, k) => state.moveMu(k, value));
  }

  // -- drawing
  draw(dirty) {
    const { chart, under, state, colours } = this;
    if (dirty.has("all") || dirty.has("theme")) {
      under.start();
      if (this.flat) this.drawCurves(under);
      else drawPosterior(under, state, colours);
      under.axes(colours, this.flat ? { yTicks: false } : {});
    }
    chart.start();
    this.drawQ();
    this.drawHandles();
    this.barChart.start();
    const { evidenceAt, boundAt, broken } = drawBar(this.barChart, state, colours);
    Object.assign(this.bar.dataset, { top: evidenceAt, bound: boundAt, broken });
    this.drawWords();
  }

  /** The posterior and the prior of one latent. */
  drawCurves(chart) {
    const { state, colours } = this;
    const [{ low, step, view: [from, to] }] = state.axes;
    const zs = state.posterior.map((_, k) => low + k * step);
    const mode = zs[state.posterior.indexOf(state.peak)];
    chart.curve(zs, zs.map((z) => density(z, 0, 1)), colours.noise, { width: 1.5, dash: [5, 4] });
    chart.area(zs, state.posterior, colours.p, { alpha: 0.24 });
    chart.curve(zs, state.posterior, colours.p, { width: 2.5 });
    const away = mode > 0 ? -1.2 : 1.2;
    if (away > from && away < to)
      chart.words("prior p(z)", away, density(1.1, 0, 1), colours,
        { align: away < 0 ? "right" : "left", colour: colours.noise });
  }

  drawQ() {
    const { chart, state, colours } = this;
    const { x, y, rx, ry } = this.spot();
    if (!this.flat) return chart.inside((pen) => drawGaussian(pen, colours, x, y, rx, ry));
    const [[mu], [sigma]] = [state.get("mu"), state.get("sigma")];
    const zs = Float64Array.from({ length: 161 }, (_, k) => mu + (k / 20 - 4) * sigma);
    const q = zs.map((z) => density(z, mu, sigma));
    chart.area(zs, q, colours.q, { alpha: 0.16 });
    chart.curve(zs, q, colours.q, { width: 2.5 });
    const { low, step, view: [from, to] } = state.axes[0];
    const flank = low + step * state.posterior.findLastIndex((value) => value > 0.3 * state.peak);
    chart.words("p(z|x)", flank + 0.02 * (to - from), 0.36 * state.peak, colours,
      { align: "left", colour: colours.p, size: 14 });
  }

  /** The handles, joined across q, and q's name. */
  drawHandles() {
    const { colours, chart: { pen } } = this;
    const { x, y, rx, ry } = this.spot();
    const handles = this.handles();
    pen.strokeStyle = pen.fillStyle = colours.q;
    pen.lineWidth = 1.5;
    for (const handle of handles) line(pen, x, y, handle.x, handle.y);
    fillDot(pen, x, y, 4);
    for (const handle of handles) {
      pen.fillStyle = colours.bg;
      pen.lineWidth = 2.5;
      fillDot(pen, handle.x, handle.y, 6);
      strokeEllipse(pen, handle.x, handle.y, 6, 6);
    }
    const size = 14;
    if (this.flat) label(pen, colours, "q", x - Math.max(16, rx) - 18, y, { colour: colours.q, size });
    else label(pen, colours, "q", x + 1.5 * rx + 12, y - 1.5 * ry - 10, { colour: colours.q, size });
  }

  drawWords() {
    const numbers = this.state.numbers();
    for (const [key, nodes] of Object.entries(this.terms))
      for (const node of nodes) node.textContent = nats(numbers[key]);
    Object.assign(this.readout.dataset, numbers);
    for (const { j, name, input, output } of this.sliders) {
      const value = this.state.get(name)[j];
      input.value = name === "mu" ? value : Math.log(value);
      input.setAttribute("aria-valuetext", spoken(value, this.digits));
      output.textContent = shown(value, this.digits);
    }
  }

  spokenState() {
    const { bound, klPosterior, logEvidence } = this.state.numbers();
    const list = (name) => this.state.get(name).map((value) => shown(value, this.digits)).join(", ");
    return aloud(`\u03bc ${list("mu")}, \u03c3 ${list("sigma")}. Bound ${nats(bound)} nats, ` +
      `KL to the posterior ${nats(klPosterior)}, log p(x) ${nats(logEvidence)}`);
  }
}

const makeState = (model) => new Bound(model);
const makeView = (state, el) => new BoundView(state, el);
export default widgetOf(makeState, makeView);
export const openSaved = savedOf(makeState, makeView);
