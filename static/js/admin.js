"use strict";
// Refreshes the health of the services.

const LOOK_AGAIN_MILLISECONDS = 5000;
const rows = document.querySelectorAll("[data-service]");

function millisecondsByService(answer) {
  const timing = answer?.headers.get("Server-Timing") ?? "";
  return Object.fromEntries(timing.split(", ").map((entry) => entry.split(";dur=")));
}

function show(row, health, milliseconds) {
  if (milliseconds) {
    row.querySelector("[data-milliseconds]").textContent = `${milliseconds < 1 ? "< 1" : Math.round(milliseconds)} ms`;
  }
  const badge = row.querySelector(".status");
  if (badge.textContent.toLowerCase() === health) return;
  badge.className = `status status-${health === "healthy" ? "good" : "bad"}`;
  badge.textContent = health === "healthy" ? "Healthy" : "Unhealthy";
  announce(`${row.dataset.service}: ${badge.textContent}`);
}

async function look() {
  const answer = document.hidden ? null : await fetch("/health").catch(() => null);
  const services = (await answer?.json().catch(() => null))?.services ?? {};
  const times = millisecondsByService(answer);
  for (const row of rows) {
    const name = row.dataset.service;
    if (name in services) show(row, services[name], times[name]);
  }
  setTimeout(look, LOOK_AGAIN_MILLISECONDS);
}

setTimeout(look, LOOK_AGAIN_MILLISECONDS);
document.querySelector("[data-live]").textContent = "Checked every five seconds.";
