"use strict";
// The health of the services, live.

const LOOK_AGAIN_MILLISECONDS = 5000;
const rows = document.querySelectorAll("[data-service]");

function show(row, health) {
  const badge = row.querySelector(".status");
  if (badge.textContent.toLowerCase() === health) return;
  badge.className = `status status-${health === "healthy" ? "good" : "bad"}`;
  badge.textContent = health === "healthy" ? "Healthy" : "Unhealthy";
  announce(`${row.dataset.service}: ${badge.textContent}`);
}

async function look() {
  const answer = document.hidden ? null : await fetch("/health").catch(() => null);
  const services = (await answer?.json().catch(() => null))?.services ?? {};
  for (const row of rows) if (row.dataset.service in services) show(row, services[row.dataset.service]);
  setTimeout(look, LOOK_AGAIN_MILLISECONDS);
}

setTimeout(look, LOOK_AGAIN_MILLISECONDS);
document.querySelector("[data-live]").textContent = "Looked at every five seconds.";
