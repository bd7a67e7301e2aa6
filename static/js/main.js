"use strict";
// Makes pages nicer; all of them work without it. It loads before the page is drawn, so that the theme does not flash.

const darkSystem = matchMedia("(prefers-color-scheme: dark)");

function chosenTheme() {
  try {
    return localStorage.getItem("theme") || "system";
  } catch {
    return "system"; // storage is switched off
  }
}

function applyTheme() {
  const chosen = chosenTheme();
  document.documentElement.dataset.bsTheme = chosen === "system" ? (darkSystem.matches ? "dark" : "light") : chosen;
}

applyTheme();
darkSystem.addEventListener("change", applyTheme);
addEventListener("storage", applyTheme); // the switch was used in another tab

function chooseTheme(theme) {
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // it holds for this page then
  }
  applyTheme();
}

function setUpThemeSwitch(fieldset) {
  for (const choice of fieldset.querySelectorAll("input")) {
    choice.checked = choice.value === chosenTheme();
    choice.addEventListener("change", () => chooseTheme(choice.value));
  }
  fieldset.hidden = false;
}

function addRevealButton(input) {
  const group = document.createElement("div");
  group.className = "input-group";
  input.replaceWith(group);
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn btn-outline-secondary";
  button.setAttribute("aria-controls", input.id);
  const show = (shown) => {
    input.type = shown ? "text" : "password";
    button.textContent = shown ? "Hide" : "Show";
    button.setAttribute("aria-label", `${button.textContent} password`);
  };
  button.addEventListener("click", () => show(input.type === "password"));
  group.append(input, button);
  show(false);
}

async function copy(button) {
  await navigator.clipboard.writeText(button.dataset.copy);
  const label = [...button.childNodes];
  button.replaceChildren("Copied");
  setTimeout(() => button.replaceChildren(...label), 2000);
}

// A form that is on its way is not sent again; the server counts it once anyway.
function sendOnce(event) {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "yes";
  event.submitter?.classList.add("busy");
}

function allowSendingAgain() {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  for (const button of document.querySelectorAll(".busy")) button.classList.remove("busy");
}

function closeMenuOutside(event) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (event.key === "Escape" ? true : event.type === "click" && !menu.contains(event.target)) menu.open = false;
  }
}

addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("[data-theme-switch]").forEach(setUpThemeSwitch);
  document.querySelectorAll("input[data-reveal]").forEach(addRevealButton);
  document.querySelectorAll("[data-copy]").forEach((button) => button.addEventListener("click", () => copy(button)));
  document.querySelector(".is-invalid")?.focus();
});
addEventListener("submit", sendOnce);
addEventListener("pageshow", allowSendingAgain); // back from the next page, as it was left
addEventListener("click", closeMenuOutside);
addEventListener("keydown", closeMenuOutside);
