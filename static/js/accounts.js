"use strict";
// Hides balances from people looking over one's shoulder, and offers to copy the account number.

const hideButtons = () => document.querySelectorAll("[data-hide-balances]");

function showBalances(shown) {
  document.documentElement.classList.toggle("balances-hidden", !shown);
  for (const button of hideButtons()) {
    button.setAttribute("aria-pressed", String(!shown));
    button.querySelector("span").textContent = shown ? "Hide" : "Show";
  }
}

function remember(shown) {
  try {
    localStorage.setItem("balances", shown ? "shown" : "hidden");
  } catch {
    // storage is switched off: it holds for this page
  }
}

function remembered() {
  try {
    return localStorage.getItem("balances") !== "hidden";
  } catch {
    return true;
  }
}

showBalances(remembered());
for (const button of hideButtons()) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const shown = document.documentElement.classList.contains("balances-hidden");
    showBalances(shown);
    remember(shown);
  });
}
for (const button of document.querySelectorAll("[data-copy][hidden]")) button.hidden = false;
