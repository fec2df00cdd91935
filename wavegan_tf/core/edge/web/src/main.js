// Starts the instrument that suits the model, or says why it can't.

import * as drums from "./drums/index.js";
import { startEngine } from "./engine.js";
import { missing } from "./browser.js";
import * as keyboard from "./keyboard/index.js";
import { complain, make } from "./widgets.js";

async function main() {
  const root = document.getElementById("instrument"), progress = document.getElementById("starting");
  const lacks = missing();
  if (lacks.length) {
    progress.replaceWith(make("div", { class: "box error", role: "alert" },
      make("p", {}, "This browser can't run the model:"),
      make("ul", {}, ...lacks.map((text) => make("li", {}, text)))));
    return;
  }
  const engine = await startEngine();
  progress.remove();
  await (engine.metadata.model === "gansynth" ? keyboard : drums).start(root, engine);
  // Seconds since the page was opened, for tests and the curious.
  document.documentElement.dataset.ready = (performance.now() / 1000).toFixed(3);
}

addEventListener("unhandledrejection", ({ reason }) => complain(reason));
addEventListener("error", ({ error, message }) => complain(error ?? message));
main().catch((error) => {
  document.getElementById("starting")?.remove();
  complain(new Error(`The model can't be started: ${error.message}`));
});
