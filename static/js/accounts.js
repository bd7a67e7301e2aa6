"use strict";
// The buttons that hide balances and show them again, and those that copy an account number.

const hideButtons = document.querySelectorAll("[data-hide-balances]");

function label() {
  for (const button of hideButtons) {
    button.setAttribute("aria-pressed", String(balancesAreHidden()));
    button.querySelector("span").textContent = balancesAreHidden() ? "Show" : "Hide";
  }
}

label();
addEventListener("storage", label);
for (const button of hideButtons) {
  button.hidden = false;
  button.addEventListener("click", () => {
    remember("balances", balancesAreHidden() ? "shown" : "hidden");
    applyChoices();
    label();
  });
}
for (const button of document.querySelectorAll("[data-copy][hidden]")) button.hidden = false;
