/* Tables on a grid of z: sums of them, and their pictures. An axis is
   { low, step, count }; a table's row i, column j is at i * count + j. */

/** log of the sum of exp(values). */
function logSum(values) {
  let top = -Infinity;
  for (const value of values) if (value > top) top = value;
  let sum = 0;
  for (const value of values) sum += Math.exp(value - top);
  return top + Math.log(sum);
}

/** A table as a canvas in one colour, a pixel a grid point: share(i, j), from 0 to 1, is
    how strong the point i across, j up is. */
function heatMap(across, up, share, colour) {
  const canvas = new OffscreenCanvas(across.count, up.count);
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(across.count, up.count);
  for (let i = 0; i < across.count; i++)
    for (let j = 0; j < up.count; j++) {
      const spot = (up.count - 1 - j) * across.count + i;
      image.data[4 * spot + 3] = Math.round(215 * share(i, j) ** 0.7);
    }
  pen.putImageData(image, 0, 0);
  pen.globalCompositeOperation = "source-in";
  pen.fillStyle = colour;
  pen.fillRect(0, 0, across.count, up.count);
  return canvas;
}

/** Draws a heat map where its grid lies on a chart. */
function drawHeat(chart, heat, across, up) {
  const x = (k) => chart.px(across.low + k * across.step);
  const y = (k) => chart.py(up.low + k * up.step);
  chart.inside((pen) => {
    pen.imageSmoothingQuality = "high";
    pen.drawImage(heat, x(-0.5), y(up.count - 0.5), x(across.count - 0.5) - x(-0.5),
      y(-0.5) - y(up.count - 0.5));
  });
}

/** The densities that bound the smallest regions with these shares of the mass. */
function massLevels(density, shares) {
  const sorted = Float64Array.from(density).sort().reverse();
  const total = sorted.reduce((sum, value) => sum + value, 0);
  return shares.map((share) => {
    let sum = 0;
    return sorted.find((value) => (sum += value) >= share * total);
  });
}

/** Lines [x0, y0, x1, y1] on which a table's linear interpolation is `level`, in steps
    of the grid: each square is cut into two triangles. */
function contour(table, { count: n1 }, { count: n2 }, level) {
  const lines = [];
  const cut = (corners) => {
    const ends = [];
    corners.forEach(([x0, y0], k) => {
      const [x1, y1] = corners[(k + 1) % 3];
      const [a, b] = [table[x0 * n2 + y0] - level, table[x1 * n2 + y1] - level];
      if (a < 0 !== b < 0) ends.push(x0 + (a / (a - b)) * (x1 - x0), y0 + (a / (a - b)) * (y1 - y0));
    });
    if (ends.length) lines.push(ends);
  };
  for (let i = 0; i + 1 < n1; i++)
    for (let j = 0; j + 1 < n2; j++) {
      cut([[i, j], [i + 1, j], [i + 1, j + 1]]);
      cut([[i, j], [i, j + 1], [i + 1, j + 1]]);
    }
  return lines;
}
