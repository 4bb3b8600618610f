// The chart of one camera: people in view over the last minutes, drawn by uPlot.

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Times in UTC, as everything on the page.
const clock = (seconds) => new Date(seconds * 1000).toISOString().slice(11, 16);
const exactClock = (seconds) => new Date(seconds * 1000).toISOString().slice(11, 19);

export class PeopleChart {
  constructor(element) {
    this.element = element;
    this.seconds = [];
    this.people = [];
    this.plot = new uPlot(this.options(), [[], []], element);
    new ResizeObserver(() => this.plot.setSize(this.size())).observe(element);
  }

  // Adds points; those from the first new second on are replaced, because the newest step was not over yet.
  add(seconds, people) {
    if (seconds.length === 0) return;
    let kept = this.seconds.length;
    while (kept > 0 && this.seconds[kept - 1] >= seconds[0]) kept -= 1;
    this.seconds = this.seconds.slice(0, kept).concat(seconds);
    this.people = this.people.slice(0, kept).concat(people);
  }

  firstSecond() {
    return this.seconds[0];
  }

  lastSecond() {
    return this.seconds.at(-1);
  }

  // Draws what lies between `now - span` and `now`. Where no frame came the line has a gap.
  draw(now, span, step) {
    const first = this.seconds.findIndex((second) => second >= now - span);
    this.seconds = first < 0 ? [] : this.seconds.slice(first);
    this.people = first < 0 ? [] : this.people.slice(first);
    const xs = [];
    const ys = [];
    this.seconds.forEach((second, index) => {
      if (index > 0 && second - this.seconds[index - 1] > 3 * step) {
        xs.push(this.seconds[index - 1] + step);
        ys.push(null);
      }
      xs.push(second);
      ys.push(this.people[index]);
    });
    this.plot.batch(() => {
      this.plot.setData([xs, ys], false);
      this.plot.setScale("x", { min: now - span, max: now });
      // At least two people high, so that nobody is a line at the bottom and not in the middle.
      this.plot.setScale("y", { min: 0, max: Math.max(2, ...ys.filter((y) => y !== null)) * 1.15 });
    });
  }

  size() {
    return { width: Math.max(120, this.element.clientWidth), height: Math.max(80, this.element.clientHeight) };
  }

  options() {
    const axis = {
      stroke: () => color("--quiet"),
      grid: { stroke: () => color("--line"), width: 1 },
      ticks: { show: false },
      font: "11px system-ui, sans-serif",
    };
    return {
      ...this.size(),
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
      padding: [6, 8, 0, 0],
      scales: { x: { time: false, auto: false }, y: { auto: false } },
      axes: [
        { ...axis, size: 24, space: 70, incrs: [60, 120, 300, 600], values: (_, splits) => splits.map(clock) },
        { ...axis, size: 28, space: 22, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] },
      ],
      series: [
        {},
        {
          stroke: () => color("--accent"),
          fill: () => color("--fill"),
          width: 1.75,
          points: { show: false },
          spanGaps: false,
        },
      ],
      hooks: { setCursor: [(plot) => this.showValue(plot)] },
    };
  }

  showValue(plot) {
    const index = plot.cursor.idx;
    const value = index == null ? null : plot.data[1][index];
    this.element.title = value == null ? "" : `${exactClock(plot.data[0][index])}: ${value.toFixed(1)} people`;
  }

  redraw() {
    this.plot.redraw(false, true);
  }
}
