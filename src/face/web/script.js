// Keys for the workbench. Every page works without this file: it presses the buttons that are there.
"use strict";
(() => {
  const one = (selector) => document.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const page = one("main")?.dataset.page;
  const help = one("#help");
  const form = one("#decide");

  // Whether keys mean letters here: then only Escape is ours.
  const typing = (element) => element.matches("input:not([type=radio]):not([type=checkbox]), textarea, select");
  const press = (action) => one(`#decide button[name=action][value=${action}]`)?.click();

  // Options and hits --------------------------------------------------------------------------------------------------

  const options = all(".scenario .option");
  const NINE = 9;
  let first = 0; // of the nine options that have numbers

  const shown = () => options.filter((o) => !o.hidden);
  const number = () => {
    const nine = shown().slice(first, first + NINE);
    options.forEach((o) => {
      const at = nine.indexOf(o);
      o.querySelector(".number").textContent = at < 0 ? "" : at + 1;
    });
  };
  const nextNine = () => {
    first = first + NINE < shown().length ? first + NINE : 0;
    number();
    shown()[first]?.scrollIntoView({ block: "center" });
  };

  const scenarioOf = (input) => input.closest(".scenario");
  const radioOf = (scenario) => scenario?.querySelector("input[name=scenario][type=radio]");
  const touch = () => { form.dataset.touched = "yes"; tell(); };

  // Options of one reading only: picking in one takes back what was picked in the others, and every ticked hit.
  const choose = (scenario) => {
    const radio = radioOf(scenario);
    if (radio) radio.checked = true;
    all(".scenario").filter((other) => other !== scenario).forEach((other) => {
      other.querySelectorAll("input[name^=pick-]").forEach((i) => (i.checked = i.defaultChecked));
    });
    all("#hits input").forEach((i) => (i.checked = false));
  };
  const leaveScenarios = () => all(".scenario").forEach((s) => {
    s.querySelectorAll("input[type=radio]").forEach((i) => (i.checked = i.defaultChecked && i.name !== "scenario"));
  });

  const pick = (digit) => {
    const input = shown()[first + digit - 1]?.querySelector("input");
    if (!input) return;
    input.checked = true;
    choose(scenarioOf(input));
    touch();
    input.focus({ preventScroll: true });
    input.closest(".option").scrollIntoView({ block: "nearest" });
  };

  // What is picked, in words, and whether it is whole.
  const picked = () => {
    const hits = all("#hits input:checked").map((i) => i.dataset.code);
    if (hits.length) return { text: hits.join(" + "), whole: true };
    const several = radioOf(one(".scenario"));
    const scenario = several ? one("input[name=scenario]:checked")?.closest(".scenario") : one(".scenario");
    if (!scenario) return null;
    const groups = [...scenario.querySelectorAll(".group")].map((g) => g.querySelector("input:checked")?.dataset.code);
    if (!groups.some(Boolean)) return null;
    const words = groups.map((code, at) => code ?? `group ${at + 1}?`);
    return { text: [...new Set(words)].join(" + "), whole: groups.every(Boolean) };
  };
  const tell = () => {
    const now = form.dataset.touched ? picked() : null;
    one("#picked").textContent = now ? now.text : "";
    form.toggleAttribute("data-picked", Boolean(now));
    form.toggleAttribute("data-partly", Boolean(now) && !now.whole);
  };

  form?.addEventListener("change", (event) => {
    const input = event.target;
    if (input.name === "scenario" || input.name.startsWith("pick-")) choose(scenarioOf(input));
    if (input.name === "code" && input.checked) leaveScenarios();
    if (input.name === "scenario" || input.name.startsWith("pick-") || input.name === "code") touch();
  });

  // A long list is narrowed by words; numbers follow what is left of it.
  const narrow = one("#narrow");
  narrow?.addEventListener("input", () => {
    const words = narrow.value.toLowerCase().split(/\s+/).filter(Boolean);
    options.forEach((o) => {
      const text = o.querySelector("label").textContent.toLowerCase();
      o.hidden = !words.every((w) => text.includes(w));
    });
    all(".scenario .place").forEach((p) => (p.hidden = words.length > 0));
    first = 0;
    number();
  });
  narrow?.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    narrow.blur();
  });

  // Search in place ---------------------------------------------------------------------------------------------------

  const box = one("#q");
  const hits = one("#hits");
  let asked = 0;
  let timer;
  const search = async () => {
    const mine = ++asked;
    const query = new URLSearchParams({ system: box.dataset.system, q: box.value, fragment: "yes" });
    try {
      const response = await fetch(`/review/search?${query}`, { credentials: "same-origin", redirect: "error" });
      if (!response.ok) throw new Error(response.status);
      const found = await response.text();
      if (mine !== asked) return;
      const ticked = boxes().filter((i) => i.checked);
      // Our own markup: what is in it was escaped on the server, and the policy of the page runs nothing inline.
      hits.innerHTML = found;
      // What was ticked stays: the second of two codes that are needed together is found by other words.
      ticked.reverse().forEach((old) => {
        const again = boxes().find((i) => i.dataset.code === old.dataset.code);
        if (again) { again.checked = true; return; }
        const hit = old.closest(".hit");
        hit.dataset.kept = "yes";
        hits.prepend(hit);
      });
    } catch {
      if (mine !== asked) return;
      hits.querySelector("p.problem")?.remove();
      const told = document.createElement("p");
      told.className = "problem";
      told.textContent = "The service did not answer. If you were signed out, load the page again.";
      hits.prepend(told);
    }
  };
  const boxes = () => [...hits.querySelectorAll("input")];
  if (box?.dataset.system) {
    box.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(search, 120); });
    box.addEventListener("keydown", async (event) => {
      if (event.key !== "Enter" && event.key !== "ArrowDown") return;
      event.preventDefault();
      if (event.key === "Enter") { clearTimeout(timer); await search(); }
      const top = hits.querySelector(".hit:not([data-kept]) input") ?? boxes()[0];
      if (event.key === "Enter" && top) {
        // This one, or this one too.
        if (!event.shiftKey) boxes().forEach((i) => (i.checked = false));
        top.checked = true;
        top.dispatchEvent(new Event("change", { bubbles: true }));
      }
      top?.focus();
    });
    hits.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const at = boxes().indexOf(event.target);
      if (!step || at < 0) return;
      event.preventDefault();
      (boxes()[at + step] ?? box).focus();
    });
  }

  // The queue: one line is current ------------------------------------------------------------------------------------

  const lines = all("table.queue tbody tr");
  let current = -1;
  const go = (to) => {
    if (!lines.length) return;
    current = Math.min(Math.max(to, 0), lines.length - 1);
    lines.forEach((line, at) => line.toggleAttribute("data-current", at === current));
    lines[current].querySelector("a").focus();
  };

  // Keys --------------------------------------------------------------------------------------------------------------

  const notes = () => {
    const every = all("main details.notes");
    const open = every.some((d) => !d.open);
    every.forEach((d) => (d.open = open));
  };
  const item = {
    j: () => one("nav.steps a[rel=next]")?.click(),
    k: () => one("nav.steps a[rel=prev]")?.click(),
    q: () => one("nav.steps a")?.click(),
    a: () => press(!form.hasAttribute("data-picked") && one("#decide button[value=approve]") ? "approve" : "decide"),
    n: () => press("no-map"),
    f: () => press("flag"),
    x: () => press("reject"),
    u: () => (one("form[data-undo] button") ?? one("#decide button[value=undo]"))?.click(),
    o: () => narrow?.focus(),
    c: () => one("#why").focus(),
    i: notes,
    "/": () => { box.focus(); box.select(); },
    0: nextNine,
  };
  const keys = {
    item,
    queue: { j: () => go(current + 1), k: () => go(current - 1), u: () => one("form[data-undo] button")?.click(), "/": () => one(".filters input[name=code]")?.focus() },
    search: { "/": () => box.focus(), i: notes, q: () => one("header nav a").click() },
  }[page] ?? {};

  one("[data-help]")?.addEventListener("click", () => help.showModal());
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help?.open) return;
    // While something is being saved, no key may lead away from it; and a key held down is one action, not many.
    if (one("form[data-sent]")) return;
    if (event.key === "Escape") { document.activeElement?.blur(); return; }
    if (typing(event.target)) return;
    if (event.repeat && event.key !== "j" && event.key !== "k") return;
    if (event.key === "?") help?.showModal();
    else if (page === "item" && event.key >= "1" && event.key <= "9") pick(Number(event.key));
    else if (keys[event.key]) keys[event.key]();
    else return;
    event.preventDefault();
  });

  // A form goes once: a second press of a key while the first is on its way would be a second action.
  all("form[method=post]").forEach((f) => f.addEventListener("submit", (event) => {
    if (f.dataset.sent) event.preventDefault();
    f.dataset.sent = "yes";
  }));
  // A page that comes back from the browser's memory starts anew.
  addEventListener("pageshow", () => { all("form[data-sent]").forEach((f) => delete f.dataset.sent); if (form) tell(); });
})();
