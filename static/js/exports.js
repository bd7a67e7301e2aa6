"use strict";
// Shows the progress of an export without a reload, and says when it is ready.

const LOOK_AGAIN_MILLISECONDS = 1500;

async function follow(part) {
  while (part.hasAttribute("data-goes-on")) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MILLISECONDS));
    const next = (await fetchPage(location.pathname))?.querySelector(`#${part.id}`);
    if (!next || part.contains(document.activeElement)) continue;
    part.replaceWith(document.adoptNode(next));
    part = next;
    if (!part.hasAttribute("data-goes-on")) announce("Your statements are ready.");
  }
}

document.querySelectorAll("[data-goes-on]").forEach(follow);
