"use strict";
// Makes pages nicer; all of them work without it. It loads before the page is drawn, so that nothing flashes.

const held = {}; // what storage would not take holds for this page
const SESSION_WARNING_MILLISECONDS = 120_000;

function remembered(name) {
  try {
    return held[name] ?? localStorage.getItem(name);
  } catch {
    return null;
  }
}

function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    held[name] = value;
  }
}

// The theme, and balances that are hidden from people looking over one's shoulder.

const darkSystem = matchMedia("(prefers-color-scheme: dark)");
const root = document.documentElement;

function chosenTheme() {
  return remembered("theme") || "system";
}

function balancesAreHidden() {
  return remembered("balances") === "hidden";
}

function applyChoices() {
  root.dataset.bsTheme = chosenTheme() === "system" ? (darkSystem.matches ? "dark" : "light") : chosenTheme();
  root.classList.toggle("balances-hidden", balancesAreHidden());
  for (const option of document.querySelectorAll("option")) {
    option.dataset.text ??= option.text;
    option.text = balancesAreHidden() ? option.dataset.text.replace(/ \(.*\d.*\)$/, "") : option.dataset.text;
  }
}

function setUpThemeSwitch(fieldset) {
  for (const choice of fieldset.querySelectorAll("input")) {
    choice.checked = choice.value === chosenTheme();
    choice.addEventListener("change", () => {
      remember("theme", choice.value);
      applyChoices();
    });
  }
  fieldset.hidden = false;
}

// Small helps.

function announce(text) {
  document.querySelector("#announcer").textContent = text;
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
  announce("The number is in the clipboard.");
  setTimeout(() => button.replaceChildren(...label), 2000);
}

function closeMenuOutside(event) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (event.key === "Escape") menu.querySelector("summary").focus();
    if (event.key === "Escape" || (event.type === "click" && !menu.contains(event.target))) menu.open = false;
  }
}

// Forms: what is missing or malformed is said beside its field, as the server would say it. A form that is on its way is
// not sent again; the server counts it once anyway.

function mistakeIn(input) {
  const mistakes = JSON.parse(input.dataset.mistakes || "[]"); // regular expressions and what to say, the server's own
  const mistake = mistakes.find(([pattern]) => new RegExp(pattern, "u").test(input.value.trim()));
  return mistake ? mistake[1] : "";
}

function complaintAbout(input) {
  const twin = input.dataset.same && document.getElementById(input.dataset.same);
  if (input.validity.valueMissing) return input.dataset.missing || input.validationMessage;
  if (!input.validity.valid) return input.dataset.malformed || input.validationMessage;
  if (twin && twin.value !== input.value) return input.dataset.malformed;
  return input.value.trim() || input.required ? mistakeIn(input) : "";
}

function complain(input, complaint) {
  const id = `${input.id}-error`;
  let note = document.getElementById(id);
  if (!note && complaint) {
    note = Object.assign(document.createElement("div"), { id, className: "invalid-feedback" });
    input.closest(".form-field").append(note);
    input.setAttribute("aria-describedby", `${input.getAttribute("aria-describedby") || ""} ${id}`.trim());
  }
  if (note) note.textContent = complaint;
  input.classList.toggle("is-invalid", complaint !== "");
  input.setAttribute("aria-invalid", String(complaint !== ""));
}

function check(form) {
  const inputs = [...form.querySelectorAll(".form-field [id]:is(input, select)")].filter((input) => input.type !== "radio");
  for (const input of inputs) complain(input, complaintAbout(input));
  return inputs.find((input) => input.classList.contains("is-invalid"));
}

function sendOnce(event) {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  const wrong = check(form);
  if (form.dataset.sent || wrong) {
    wrong?.focus();
    return event.preventDefault();
  }
  form.dataset.sent = "yes";
  event.submitter?.classList.add("busy");
}

function allowSendingAgain() {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  for (const button of document.querySelectorAll(".busy")) button.classList.remove("busy");
}

// The session ends when nothing is asked for: that is announced, in every tab, and one can stay.

function watchSession(notice) {
  const lasts = notice.dataset.sessionLasts * 1000;
  const warning = Math.min(SESSION_WARNING_MILLISECONDS, lasts / 2);
  const goOn = (milliseconds) => remember("sessionEnds", Date.now() + milliseconds);
  const look = () => {
    const left = remembered("sessionEnds") - Date.now();
    if (left <= 0) return location.assign(location.href);
    const minutes = Math.ceil(left / 60_000);
    const words = minutes > 1 ? `in ${minutes} minutes` : "within a minute";
    const place = notice.querySelector("[data-session-left]");
    if (place.textContent !== words) place.textContent = words;
    notice.hidden = left > warning;
  };
  notice.querySelector("[data-session-stay]").addEventListener("click", async () => {
    const answer = await fetch("/session").catch(() => null);
    if (answer?.status !== 204) return location.assign(location.href);
    goOn(lasts);
    look();
    announce("You stay logged in.");
  });
  goOn(lasts);
  setInterval(look, 1000);
}

applyChoices();
darkSystem.addEventListener("change", applyChoices);
addEventListener("storage", applyChoices); // something was chosen in another tab
addEventListener("beforeprint", () => (root.dataset.bsTheme = "light")); // paper is white
addEventListener("afterprint", applyChoices);
addEventListener("DOMContentLoaded", () => {
  applyChoices();
  // A form with errors: reloading or coming back fetches the form anew instead of sending what was refused again.
  if ("posted" in document.body.dataset) history.replaceState(history.state, "", location.href);
  document.querySelectorAll("[data-theme-switch]").forEach(setUpThemeSwitch);
  document.querySelectorAll("input[data-reveal]").forEach(addRevealButton);
  document.querySelectorAll("[data-copy]").forEach((button) => button.addEventListener("click", () => copy(button)));
  document.querySelectorAll("form[method=post]").forEach((form) => (form.noValidate = true));
  document.querySelectorAll("[data-session-lasts]").forEach(watchSession);
  document.querySelector(".is-invalid")?.focus();
});
addEventListener("submit", sendOnce);
addEventListener("pageshow", allowSendingAgain); // back from the next page, as it was left
addEventListener("click", closeMenuOutside);
addEventListener("keydown", closeMenuOutside);
