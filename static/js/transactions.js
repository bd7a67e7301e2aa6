"use strict";
// Filters without a reload, the payee's name while the number is typed, and polling for a pending payment's outcome.

const LOOK_AGAIN_MILLISECONDS = 2000;

function setUpFilters(form) {
  let newest = 0;
  const show = async (address) => {
    const mine = ++newest;
    const results = (await fetchPage(address))?.querySelector("#results");
    if (mine !== newest) return;
    if (!results) return location.assign(address);
    document.querySelector("#results").replaceWith(document.adoptNode(results));
    const count = document.querySelectorAll("#results tbody tr").length;
    const more = document.querySelector("#results [rel=next]");
    announce(count ? `${count} transactions are shown${more ? "; there are older ones" : ""}.` : "No transaction matches these filters.");
    history.replaceState(null, "", address);
  };
  const apply = () => {
    const given = [...new FormData(form)].filter(([, value]) => value !== "");
    const query = new URLSearchParams(given).toString();
    form.querySelector("[data-clear]").hidden = !query;
    show(query ? `${location.pathname}?${query}` : location.pathname);
  };
  form.addEventListener("change", apply);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    apply();
  });
}

function payeeText(payee) {
  if (payee.name_match === "match") return "This account is in the name that you entered.";
  if (payee.name_match === "close_match") return `The name is close: ${payee.owner_name} holds this account.`;
  if (payee.name_match === "no_match") return "This account is not in the name that you entered.";
  return `${payee.owner_name} holds this account.`;
}

function setUpPayee(input) {
  const found = input.form.querySelector(".payee-found");
  const UNKNOWN = "There is no account with this number. Please check the digits.";
  let asked = "";
  const nameInput = input.form.elements.payee_name;
  const look = async () => {
    const number = input.value.replace(/[\s-]/g, "");
    const query = new URLSearchParams({ account_number: number, name: nameInput.value.trim() }).toString();
    if (query === asked) return;
    asked = query;
    found.hidden = true;
    input.setCustomValidity("");
    if (!/^\d{10}$/.test(number)) return;
    const answer = await fetch(`${input.dataset.payee}?${query}`).catch(() => null);
    const payee = answer?.ok && (await answer.json().catch(() => null));
    if (asked !== query) return;
    if (payee) {
      found.querySelector("span").textContent = payeeText(payee);
      found.classList.toggle("payee-doubtful", ["close_match", "no_match"].includes(payee.name_match));
      found.hidden = false;
    } else if (answer && [400, 404].includes(answer.status)) {
      input.setCustomValidity(UNKNOWN);
      showError(input, UNKNOWN);
      announce(UNKNOWN);
    }
  };
  input.addEventListener("input", look);
  nameInput.addEventListener("change", look);
  if (!input.classList.contains("is-invalid")) look();
}

function pendingIn(page) {
  return page.querySelectorAll("[data-pending]").length;
}

async function lookForOutcome() {
  const page = await fetchPage(location.href);
  if (page && pendingIn(page) < pendingIn(document)) return location.reload();
  setTimeout(lookForOutcome, LOOK_AGAIN_MILLISECONDS);
}

document.querySelectorAll("form[data-filters]").forEach(setUpFilters);
document.querySelectorAll("[data-payee]").forEach(setUpPayee);
if (pendingIn(document)) setTimeout(lookForOutcome, LOOK_AGAIN_MILLISECONDS);
