"use strict";
// Progressive enhancement: all pages work without this script.

const held = {}; // values that the browser does not store; they last as long as this page
const root = document.documentElement;
const SESSION_WARNING_MILLISECONDS = 120_000;
const ONE_YEAR_SECONDS = 31_536_000;
const LONGEST_WAIT_MILLISECONDS = 15_000; // longer than any page takes
const SAY_LOADING_AFTER_MILLISECONDS = 1000;

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

// The theme, and the switch that hides amounts. Both are cookies, by which the server renders each page; this
// applies a choice without a reload, in all tabs.

const otherTabs = new BroadcastChannel("display");

function display({ theme, balances }) {
  if (theme === "system") delete root.dataset.bsTheme;
  else if (theme) root.dataset.bsTheme = theme;
  for (const input of document.querySelectorAll("[data-theme-switch] input[type=radio]")) {
    if (theme) input.checked = input.value === theme;
  }
  if (balances) displayBalances(balances === "hidden");
}

function displayBalances(areHidden) {
  root.classList.toggle("balances-hidden", areHidden);
  for (const form of document.querySelectorAll("form[data-hide-balances]")) {
    form.elements.balances.value = areHidden ? "shown" : "hidden";
    form.querySelector("[data-label]").textContent = areHidden ? "Show" : "Hide";
  }
  for (const option of document.querySelectorAll("option[data-hidden-text]")) {
    option.text = areHidden ? option.dataset.hiddenText : option.dataset.shownText;
  }
}

function keep(name, value, isDefault) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${name}=${value}; Path=/; Max-Age=${isDefault ? 0 : ONE_YEAR_SECONDS}; SameSite=Lax${secure}`;
}

// The zone in which the server shows times, unless the profile names another one.
keep("time_zone", Intl.DateTimeFormat().resolvedOptions().timeZone, false);

function choose(form) {
  const fields = new FormData(form);
  const choice = { theme: fields.get("theme"), balances: fields.get("balances") };
  if (choice.theme) keep("theme", choice.theme, choice.theme === "system");
  if (choice.balances) keep("balances", choice.balances, choice.balances === "shown");
  otherTabs.postMessage(choice);
  display(choice);
}

function setUpChoice(form) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    choose(form);
  });
}

function setUpThemeSwitch(form) {
  form.addEventListener("change", () => choose(form));
  form.querySelector("button").hidden = true;
}

// Small helpers.

async function fetchPage(address) {
  const answer = await fetch(address).catch(() => null);
  return answer?.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
}

function announce(text) {
  document.querySelector("#announcer").textContent = text;
}

function addRevealButton(input) {
  const group = document.createElement("div");
  group.className = "input-group";
  const hasFocus = document.activeElement === input; // it is lost on the way into the group
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
  if (hasFocus) input.focus();
}

async function copy(button) {
  const label = [...button.childNodes];
  const copied = await navigator.clipboard.writeText(button.dataset.copy).then(() => true, () => false);
  button.replaceChildren(copied ? "Copied" : "Not copied");
  announce(copied ? "Copied to the clipboard." : "The browser does not allow copying. Select the text and copy it.");
  setTimeout(() => button.replaceChildren(...label), 2000);
}

function setUpCopyButton(button) {
  if (!navigator.clipboard) return; // browsers give it to secure pages only
  button.hidden = false;
  button.addEventListener("click", () => copy(button));
}

function closeMenus(isLeft) {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (isLeft(menu)) menu.open = false;
}

function closeMenuByKey(event) {
  if (event.key !== "Escape") return;
  closeMenus((menu) => {
    menu.querySelector("summary").focus();
    return true;
  });
}

// Form validation: shows the server's message beside an invalid field until the field changes. A form that is being
// sent is not sent twice; its idempotency key protects against that as well.
//
// data-missing, data-malformed: messages. data-same: the id of a field that must be equal. data-either: the id of a
// field; exactly one of both must be filled in. data-unlike: the id of a field that must differ; data-clash: its message.

function mistakeIn(input) {
  const mistakes = JSON.parse(input.dataset.mistakes || "[]"); // (regular expression, message) pairs of the server
  const mistake = mistakes.find(([pattern]) => new RegExp(pattern, "u").test(input.value.trim()));
  return mistake ? mistake[1] : "";
}

function errorOf(input) {
  const { missing, malformed, same, either, unlike, clash } = input.dataset;
  const value = (id) => document.getElementById(id).value;
  if (input.validity.valueMissing) return missing || input.validationMessage;
  if (input.validity.customError) return input.validationMessage;
  if (!input.validity.valid) return malformed || input.validationMessage;
  if (same && value(same) !== input.value) return malformed;
  if (either && !value(either) === !input.value) return input.value ? malformed : missing;
  if (unlike && input.value && value(unlike) === input.value) return clash;
  return input.value.trim() || input.required ? mistakeIn(input) : "";
}

function showError(input, error) {
  const id = `${input.id}-error`;
  let note = document.getElementById(id);
  if (!note && error) {
    note = Object.assign(document.createElement("div"), { id, className: "invalid-feedback" });
    input.closest(".form-field").append(note);
    input.setAttribute("aria-describedby", `${input.getAttribute("aria-describedby") || ""} ${id}`.trim());
  }
  if (note) note.textContent = error;
  input.classList.toggle("is-invalid", error !== "");
  input.setAttribute("aria-invalid", String(error !== ""));
}

function clearErrors(field) {
  for (const note of field.querySelectorAll(".invalid-feedback")) note.textContent = "";
  for (const input of field.querySelectorAll(".is-invalid")) {
    input.classList.remove("is-invalid");
    input.removeAttribute("aria-invalid");
  }
}

function clearErrorsOfChanged({ target }) {
  if (!target.closest(".form-field")) return;
  clearErrors(target.closest(".form-field"));
  for (const kind of ["same", "either", "unlike"]) {
    for (const input of document.querySelectorAll(`[data-${kind}="${target.id}"]`)) clearErrors(input.closest(".form-field"));
  }
}

function check(form) {
  const inputs = [...form.querySelectorAll(".form-field [id]:is(input, select)")].filter((input) => input.type !== "radio");
  for (const input of inputs) showError(input, errorOf(input));
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

// A progress bar while the next page loads. It is removed when the page stays, as for a download or a stopped load.

function showProgress() {
  root.classList.add("leaving");
  const speaking = setTimeout(() => announce("Loading the next page."), SAY_LOADING_AFTER_MILLISECONDS);
  setTimeout(hideProgress, LONGEST_WAIT_MILLISECONDS);
  addEventListener("pageshow", () => clearTimeout(speaking), { once: true });
}

function hideProgress() {
  root.classList.remove("leaving");
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  for (const button of document.querySelectorAll(".busy")) button.classList.remove("busy");
}

// A notice before the idle session ends, in every tab, with a button to stay logged in.

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

// A page with form errors: reload and back fetch an empty form instead of repeating the refused POST.
if ("posted" in document.body.dataset) history.replaceState(history.state, "", location.href);
document.querySelectorAll("form[data-hide-balances], form[data-theme-switch]").forEach(setUpChoice);
document.querySelectorAll("[data-theme-switch]").forEach(setUpThemeSwitch);
document.querySelectorAll("input[data-reveal]").forEach(addRevealButton);
document.querySelectorAll("[data-copy]").forEach(setUpCopyButton);
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
document.querySelectorAll("form[method=post]").forEach((form) => (form.noValidate = true));
document.querySelectorAll("[data-session-lasts]").forEach(watchSession);
document.querySelector(".is-invalid")?.focus();
otherTabs.addEventListener("message", ({ data }) => display(data));
addEventListener("input", clearErrorsOfChanged);
addEventListener("change", clearErrorsOfChanged);
addEventListener("submit", sendOnce);
addEventListener("beforeunload", showProgress);
addEventListener("pageshow", hideProgress); // back from the next page, as it was left
addEventListener("click", ({ target }) => closeMenus((menu) => !menu.contains(target)));
addEventListener("focusout", ({ relatedTarget }) => closeMenus((menu) => relatedTarget && !menu.contains(relatedTarget)));
addEventListener("keydown", closeMenuByKey);
