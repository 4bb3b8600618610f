// The live page: asks the server once a second and shows what it says, or that it says nothing.

import { PeopleChart } from "/page/chart.js";

const MINUTES = 10;
// Charts begin with less, so that the first minute is more than a sliver.
const MINUTES_MIN = 2;
const EVERY_MS = 1000;
const ANSWER_MS_MAX = 5000;
// A camera that has sent nothing for this long is called silent.
const SILENT_S = 10;
// A watermark that is this far behind is worth a look.
const LAG_WARN_S = 60;

const byId = (id) => document.getElementById(id);
const cards = new Map();
let answeredAt = null;
let failed = null;

const camera = (item) => JSON.stringify([item.device_id, item.camera_id]);

async function ask(path) {
  const response = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS_MAX) });
  const body = await response.json();
  if (!response.ok) throw new Error(body.error ?? `the server answered ${response.status}`);
  return body;
}

// Only what is newer than the oldest of the charts' ends; everything when a chart is new.
function since() {
  const ends = [...cards.values()].map((card) => card.chart.lastSecond());
  return ends.length === 0 || ends.some((end) => end === undefined) ? "" : `&since=${Math.min(...ends)}`;
}

async function update() {
  try {
    const [status, people] = await Promise.all([ask("/api/status"), ask(`/api/people?minutes=${MINUTES}${since()}`)]);
    answeredAt = Date.now();
    failed = null;
    showCameras(status, people);
    showQueries(status);
    byId("version").textContent = status.version;
    showState(status.ready ? "good" : "waiting", status.ready ? "live" : "not every query runs");
  } catch (error) {
    failed = error;
    const gone = error instanceof TypeError || error.name === "TimeoutError";
    const what = gone ? "no answer from the server" : error.message;
    const seconds = answeredAt === null ? "" : `, last heard ${duration((Date.now() - answeredAt) / 1000)} ago`;
    showState("bad", what + seconds);
  }
  byId("main").classList.toggle("stale", failed !== null && answeredAt !== null);
  setTimeout(update, EVERY_MS);
}

function showState(kind, text) {
  byId("state").className = `state ${kind}`;
  if (byId("state-text").textContent !== text) byId("state-text").textContent = text;
}

function showCameras(status, people) {
  const series = new Map(people.cameras.map((item) => [camera(item), item]));
  const seen = new Set(status.cameras.map(camera));
  for (const [key, card] of cards) {
    if (!seen.has(key)) {
      card.element.remove();
      cards.delete(key);
    }
  }
  for (const item of status.cameras) {
    const key = camera(item);
    if (!cards.has(key)) cards.set(key, addCard(item));
    const card = cards.get(key);
    const points = series.get(key);
    if (points) card.chart.add(points.seconds, points.people);
    showCamera(card, item, status.now);
  }
  const minutes = chartMinutes(people.now);
  byId("span").textContent = `${minutes} minutes`;
  for (const card of cards.values()) card.chart.draw(people.now, minutes * 60, people.step);
  byId("no-cameras").hidden = status.cameras.length > 0;
}

// As far back as the first frame of any camera, the same for all of them.
function chartMinutes(now) {
  const first = Math.min(now, ...[...cards.values()].map((card) => card.chart.firstSecond() ?? now));
  return Math.min(MINUTES, Math.max(MINUTES_MIN, Math.ceil((now - first) / 60)));
}

function addCard(item) {
  const element = byId("camera").content.firstElementChild.cloneNode(true);
  element.querySelector("h3").textContent = item.camera_id ?? "(no camera)";
  element.querySelector(".device").textContent = item.device_id;
  byId("cameras").append(element);
  return { element, chart: new PeopleChart(element.querySelector(".chart")) };
}

function showCamera(card, item, now) {
  const age = Math.max(0, now - item.ts_ms / 1000);
  const silent = age > SILENT_S;
  card.element.classList.toggle("silent", silent);
  card.element.querySelector(".count strong").textContent = item.persons_detected;
  card.element.querySelector(".count span").textContent = silent ? "when last seen" : "in view";
  const parts = [silent ? `silent for ${duration(age)}` : `${age.toFixed(1)} s ago`];
  if (item.tier && item.tier !== "none") parts.push(`${item.tier} px`);
  if (item.inference_ms) parts.push(`${item.inference_ms.toFixed(0)} ms a frame`);
  if (item.energy_mj != null) parts.push(`${item.energy_mj.toFixed(0)} mJ a frame`);
  card.element.querySelector(".detail").textContent = parts.join(" · ");
}

const PHASE_KINDS = { running: "good", finished: "good", starting: "waiting", restarting: "waiting", failed: "bad" };

function showQueries(status) {
  const rows = status.queries.map((query) => {
    const row = document.createElement("tr");
    row.classList.toggle("troubled", query.reason !== null);
    cell(row, "name", null, query.name);
    row.append(phaseCell(query));
    cell(row, "number", "rows in /s", rate(query.source_rows_per_second));
    cell(row, "number", "rows out /s", rate(query.sink_rows_per_second));
    cell(row, "number", "watermark", query.watermark_ms === null ? "–" : clock(query.watermark_ms));
    const late = query.watermark_lag_s !== null && query.watermark_lag_s > LAG_WARN_S ? "number warn" : "number";
    cell(row, late, "lag", query.watermark_lag_s === null ? "–" : duration(query.watermark_lag_s));
    cell(row, "number", "waiting", waiting(query.sources));
    cell(row, "number", "late", query.late_rows.toLocaleString("en"));
    cell(row, "number", "memory", held(query)).title = query.operators.map((item) => `${held(item)}: ${item.description}`).join("\n");
    cell(row, "number", "checkpoint", query.epoch === null ? "–" : `#${query.epoch}${took(query.checkpoint_ms)}`);
    return row;
  });
  byId("queries").replaceChildren(...rows);
  byId("no-queries").hidden = rows.length > 0;
}

function cell(row, className, label, text) {
  const element = document.createElement("td");
  element.className = className;
  if (label) element.dataset.label = label;
  element.textContent = text;
  row.append(element);
  return element;
}

function phaseCell(query) {
  const element = document.createElement("td");
  element.className = "phase";
  const state = document.createElement("span");
  state.className = `state ${PHASE_KINDS[query.phase] ?? ""}`;
  const dot = document.createElement("span");
  dot.className = "dot";
  const restarts = query.restarts > 0 ? `, restarted ${query.restarts === 1 ? "once" : `${query.restarts} times`}` : "";
  state.append(dot, query.phase + restarts);
  element.append(state);
  if (query.reason) {
    const reason = document.createElement("span");
    reason.className = "reason";
    reason.textContent = query.reason;
    element.append(reason);
  }
  return element;
}

// Rows that wait in the log, where the sources can know.
function waiting(sources) {
  const known = sources.filter((source) => source.lag_rows !== null);
  return known.length === 0 ? "–" : known.reduce((sum, source) => sum + source.lag_rows, 0).toLocaleString("en");
}

const rate = (value) => (value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString("en"));
const clock = (millis) => new Date(millis).toISOString().slice(11, 19);
const took = (millis) => (millis === null ? "" : ` in ${millis < 1000 ? `${millis.toFixed(0)} ms` : `${(millis / 1000).toFixed(1)} s`}`);

function duration(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

// What a query or one of its operators holds.
function held(item) {
  const spilled = item.spilled_bytes > 0 ? ` + ${bytes(item.spilled_bytes)} on disk` : "";
  return bytes(item.state_bytes) + spilled;
}

function bytes(count) {
  const units = ["B", "kB", "MB", "GB"];
  let unit = 0;
  while (count >= 1000 && unit < units.length - 1) {
    count /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? count : count.toFixed(1)} ${units[unit]}`;
}

for (const element of document.querySelectorAll(".origin")) element.textContent = location.origin;
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const card of cards.values()) card.chart.redraw();
});
update();
