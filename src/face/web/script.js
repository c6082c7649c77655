// Keys for the workbench. Every page works without this file; it only presses the buttons that are there.
"use strict";
(() => {
  const one = (selector) => document.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const page = one("main")?.dataset.page;
  const help = one("#help");

  // Whether keys mean letters here: then only Escape is ours.
  const typing = (element) => element.matches("input:not([type=radio]):not([type=checkbox]), textarea, select");

  const press = (action) => one(`#decide button[name=action][value=${action}]`)?.click();
  const picked = () => all("#decide .scenario input[name^=pick-]:checked, #decide .hit input:checked").some((i) => i.dataset.fresh);

  // Picks the option with a number, and with it its scenario; what was ticked by search is dropped.
  const pick = (number) => {
    const input = one(`.option[data-key="${number}"] input`);
    if (!input) return;
    input.checked = true;
    input.dataset.fresh = "yes";
    all(".hit input").forEach((i) => (i.checked = false));
    choose(input);
    input.focus({ preventScroll: true });
    input.closest(".option").scrollIntoView({ block: "nearest" });
  };

  // Options of one scenario only: picking in one takes back what was picked in the others.
  const choose = (input) => {
    const scenario = input.closest(".scenario");
    if (!scenario) return;
    all(".scenario").forEach((other) => {
      const radio = other.querySelector("input[name=scenario]");
      if (other === scenario) {
        if (radio?.type === "radio") radio.checked = true;
      } else {
        other.querySelectorAll("input[name^=pick-]").forEach((i) => (i.checked = i.defaultChecked && other.dataset.combined === "yes"));
      }
    });
  };

  document.addEventListener("change", (event) => {
    const input = event.target;
    if (input.matches(".scenario input[name^=pick-]")) { input.dataset.fresh = "yes"; choose(input); }
    if (input.matches(".hit input") && input.checked) {
      input.dataset.fresh = "yes";
      all(".scenario input[name^=pick-]").forEach((i) => (i.checked = false));
    }
    if (input.matches("input[name=scenario][type=radio]")) {
      const first = input.closest(".scenario").querySelector("input[name^=pick-]");
      if (first) { choose(input); all(`.scenario[data-scenario="${input.value}"] input[name^=pick-]:checked`).forEach((i) => (i.dataset.fresh = "yes")); }
    }
  });

  // Search in place.
  const box = one("#q");
  const hits = one("#hits");
  let asked = 0;
  let timer;
  const search = async () => {
    const mine = ++asked;
    const query = new URLSearchParams({ system: box.dataset.system, q: box.value, fragment: "yes" });
    const response = await fetch(`/review/search?${query}`, { credentials: "same-origin" });
    if (mine === asked && response.ok) hits.innerHTML = await response.text();
  };
  if (box?.dataset.system) {
    box.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(search, 120); });
    box.addEventListener("keydown", async (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      clearTimeout(timer);
      await search();
      const first = one(".hit input");
      if (!first) return;
      first.checked = true;
      first.dispatchEvent(new Event("change", { bubbles: true }));
      first.focus();
    });
  }

  // The queue: one line is current.
  const lines = all("table.queue tbody tr");
  let current = -1;
  const go = (to) => {
    if (!lines.length) return;
    current = Math.min(Math.max(to, 0), lines.length - 1);
    lines.forEach((line, at) => line.toggleAttribute("data-current", at === current));
    lines[current].querySelector("a").focus();
  };

  one("[data-help]")?.addEventListener("click", () => help.showModal());

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help?.open) return;
    if (event.key === "Escape") { document.activeElement?.blur(); return; }
    if (typing(event.target)) return;
    const key = event.key;
    if (key === "?") help?.showModal();
    else if (key === "/") box?.focus();
    else if (page === "queue" && key === "j") go(current + 1);
    else if (page === "queue" && key === "k") go(current - 1);
    else if (page === "item" && key === "j") one("nav.steps a[rel=next]")?.click();
    else if (page === "item" && key === "k") one("nav.steps a[rel=prev]")?.click();
    else if (page === "item" && key >= "1" && key <= "9") pick(key);
    else if (page === "item" && key === "a") press(picked() || one("main").dataset.answered === "no" ? "decide" : "approve");
    else if (page === "item" && key === "n") press("no-map");
    else if (page === "item" && key === "f") press("flag");
    else if (page === "item" && key === "x") press("reject");
    else if (page === "item" && key === "u") (one("form[data-undo] button") ?? one("#decide button[value=undo]"))?.click();
    else return;
    event.preventDefault();
  });
})();
