/* FamilyExplorer: pick a distribution, drag its parameters; the noise stays, z moves.
   The kernel computes; the page asks and draws. It comes after _common.js. */

const TRAITS = ["choice", "draws", "curve", "answered"];
const N_BINS = 24;

class FamilyState extends State {
  constructor(model) {
    super(model, TRAITS);
    this.families = model.get("_meta");
  }

  get family() {
    return this.families[this.get("choice").family];
  }

  /** The family whose draws are here, and its values. */
  get answer() {
    const { family, values } = this.get("answered");
    return { name: family, values, ...this.families[family] };
  }

  get waiting() {
    return JSON.stringify(this.get("choice")) !== JSON.stringify(this.get("answered"));
  }

  pick(name) {
    const values = {};
    for (const [key, , , start] of this.families[name].parameters) values[key] = start;
    this.put("choice", { family: name, values });
  }

  setValue(key, value) {
    const { family, values } = this.get("choice");
    const [, low, high] = this.family.parameters.find(([name]) => name === key);
    const inside = tidy(Math.max(low, Math.min(high, value)));
    this.put("choice", { family, values: { ...values, [key]: inside } });
  }

  draws() {
    return this.remember("draws", [this.get("draws")], () => doublesOf(this.get("draws")));
  }

  /** The density: [z, p(z)]. */
  curve() {
    return this.remember("curve", [this.get("curve")], () => {
      const both = doublesOf(this.get("curve"));
      return [both.subarray(0, both.length / 2), both.subarray(both.length / 2)];
    });
  }

  /** Where the window has density: [low, high], so that no bar straddles an edge. */
  support() {
    const [z, density] = this.curve();
    const last = z.length - 1;
    let [first, end] = [0, last];
    while (first < last && density[first] === 0) first++;
    while (end > first && density[end] === 0) end--;
    return [z[Math.max(0, first - 1)], z[Math.min(last, end + 1)]];
  }

  /** The histogram over that range: { low, width, heights } in the density's unit. */
  bars() {
    const [low, high] = this.support();
    const width = (high - low) / N_BINS;
    const counts = new Array(N_BINS).fill(0);
    for (const z of this.draws()) {
      const bin = Math.floor((z - low) / width);
      if (bin >= 0 && bin < N_BINS) counts[bin]++;
    }
    return { low, width, heights: counts.map((count) => count / (this.draws().length * width)) };
  }

  beyond() {
    const [low, high] = this.answer.window;
    const draws = Array.from(this.draws());
    return [draws.filter((z) => z < low).length, draws.filter((z) => z > high).length];
  }
}

class FamilyView extends Sheet {
  constructor(state, el) {
    super(state, "family-explorer");
    this.select = makeSelect("family", "Distribution",
      Object.keys(state.families).map((name) => [name, name]));
    this.formula = make("p", { class: "lex-title", testid: "formula" });
    this.sliders = make("div", { class: "lex-sliders lex-parameters lex-blue" });
    this.upper = make("div", { class: "lex-chart lex-draws", role: "img" });
    this.lower = make("div", { class: "lex-chart lex-histogram", role: "img" });
    this.readout = make("p", { class: "lex-readout", testid: "readout" });
    this.status = make("p", { class: "lex-status", testid: "status" });
    this.root.append(
      make("p", { class: "lex-hint", text: "Pick a distribution and move its parameters. Every draw keeps its noise: its height." }),
      make("div", { class: "lex-controls lex-pick" }, this.select, this.formula),
      this.sliders, this.upper, this.lower, this.readout, this.status);
    this.above = new Chart(this.upper, { x: [0, 1], y: [0, 1], yName: "noise \u03b5", pad: [10, 12, 8, 50] });
    this.below = new Chart(this.lower, { x: [0, 1], y: [0, 1], xName: "z", yName: "density", pad: [8, 12, 36, 50] });
    this.on(this.select, "change", () => state.pick(this.select.value));
    this.open(el, this.upper);
  }

  /** Sliders for the family that is chosen; new ones only when it is another. */
  placeSliders() {
    const { family } = this.state.get("choice");
    if (family === this.placed) return;
    this.placed = family;
    this.select.value = family;
    this.inputs = this.state.family.parameters.map(([key, min, max, , step = "any"]) => {
      const slider = makeSlider(`slider-${key}`, key, key, { min, max, step });
      this.on(slider.input, "input", () => this.state.setValue(key, Number(slider.input.value)));
      return { key, ...slider };
    });
    this.sliders.replaceChildren(...this.inputs.map(({ row }) => row));
  }

  draw() {
    const { state } = this;
    this.placeSliders();
    const { values } = state.get("choice");
    for (const { key, input, output } of this.inputs) {
      if (Number(input.value) !== values[key]) input.value = values[key];
      output.textContent = String(Number(values[key].toPrecision(3)));
    }
    this.late();
    const answer = state.answer;
    this.formula.textContent = answer.formula;
    this.drawDraws(answer);
    this.drawHistogram(answer);
    this.drawWords(answer);
  }

  drawDraws({ window, heights, single }) {
    const { above: chart, colours, state } = this;
    const draws = state.draws();
    const low = Math.min(...heights);
    const high = Math.max(...heights);
    const uniform = low >= 0 && high <= 1;
    chart.x = window;
    chart.y = uniform ? [-0.03, 1.03] : [low - 0.06 * (high - low), high + 0.06 * (high - low)];
    chart.yName = single ? "noise \u03b5" : "one draw a row";
    chart.start();
    chart.axes(colours, { xTicks: [], yTicks: single ? undefined : false });
    chart.inside((pen) => {
      if (single) this.drawGraph(pen, chart, draws, heights);
      pen.fillStyle = colours.q;
      pen.strokeStyle = colours.bg;
      pen.lineWidth = 1;
      for (let k = 0; k < draws.length; k++) {
        fillDot(pen, chart.px(draws[k]), chart.py(heights[k]), 3.5);
        pen.stroke();
      }
    });
  }

  /** g's graph, through its draws in the order of their noise. */
  drawGraph(pen, chart, draws, heights) {
    const order = heights.map((_, k) => k).sort((a, b) => heights[a] - heights[b]);
    pen.strokeStyle = this.colours.noise;
    pen.lineWidth = 1.5;
    pen.beginPath();
    for (const k of order) pen.lineTo(chart.px(draws[k]), chart.py(heights[k]));
    pen.stroke();
  }

  drawHistogram({ window }) {
    const { below: chart, colours, state } = this;
    const [z, density] = state.curve();
    const { low, width, heights } = state.bars();
    const highest = Math.max(...heights);
    chart.x = window;
    chart.y = [0, 1.12 * Math.max(highest, Math.min(Math.max(...density), 2.5 * highest))];
    chart.start();
    chart.inside((pen) => {
      heights.forEach((height, k) => {
        const [left, right] = [chart.px(low + k * width), chart.px(low + (k + 1) * width)];
        pen.fillStyle = colours.q;
        pen.globalAlpha = 0.3;
        pen.fillRect(left + 0.5, chart.py(height), right - left - 1, chart.bottom - chart.py(height));
      });
    });
    chart.axes(colours);
    chart.curve(z, density, colours.ink, { width: 2 });
    const [left, right] = state.beyond();
    const middle = chart.y[1] * 0.92;
    if (left) chart.words(`\u2190 ${left} draws`, window[0], middle, colours, { align: "left", colour: colours.q });
    if (right) chart.words(`${right} draws \u2192`, window[1], middle, colours, { align: "right", colour: colours.q });
  }

  drawWords({ noise }) {
    const draws = Array.from(this.state.draws()).sort((a, b) => a - b);
    const half = draws.length / 2;
    const median = (draws[Math.ceil(half) - 1] + draws[Math.floor(half)]) / 2;
    this.readout.textContent =
      `${draws.length} draws (blue: their histogram) and the exact density (black line)\n` +
      `noise: ${noise}; median of the draws ${shown(median)}`;
    this.upper.setAttribute("aria-label", `${draws.length} draws. ${this.spokenState()}`);
    this.lower.setAttribute("aria-label", "Histogram of the draws against the exact density.");
  }

  /** After 0.6 s without an answer from the kernel, says so. */
  late() {
    clearTimeout(this.lateTimer);
    if (!this.state.waiting) this.status.textContent = "";
    else
      this.lateTimer = setTimeout(() => {
        if (this.state.waiting)
          this.status.textContent = "Waiting for the kernel. The draws shown are of earlier parameters.";
      }, 600);
  }

  spokenState() {
    const { name, values } = this.state.answer;
    const list = Object.entries(values).map(([key, value]) => `${key} ${spoken(value, 2)}`);
    return `${name}, ${list.join(", ")}.`;
  }

  dispose() {
    clearTimeout(this.lateTimer);
    super.dispose();
  }
}

const makeState = (model) => new FamilyState(model);
const makeView = (state, el) => new FamilyView(state, el);

export default widgetOf(makeState, makeView);
export const openSaved = savedOf(makeState, makeView);
