// Choosing instruments: seeds of two or four of them, and the place between them that is played.

import { MAX_SEED } from "../latents.js";
import { button, choice, complain, make, say, slider } from "../widgets.js";
import { NAMES, latentsOf, parseSeed, randomSeed, showSeed, takingPart, toHash } from "./mixture.js";
import { Pad } from "./pad.js";

const MORPH_STEP = 0.01, MAX_HISTORY = 100;
const WRONG_SEED = `A seed is a whole number from 0 to ${MAX_SEED} and, behind a stroke if you like, the number of one of its latents: 5 or 5/7.`;
const percent = (x) => `${Math.round(100 * x)} %`;

export class InstrumentPanel {
  /**
   * @param {{mixture: object, metadata: object, onchange: (mixture: object) => void}} options  see mixture.js
   */
  constructor({ mixture, metadata, onchange }) {
    Object.assign(this, { mixture, metadata, onchange, history: [] });
    const title = make("h2", { id: "instruments_title" }, "Instruments");
    this.mode = choice("Play", [["two", "two instruments and what lies between"], ["four", "four instruments on a field"]],
      mixture.mode, (mode) => this.change({ mode }));
    this.cards = NAMES.map((name, index) => this.#card(name, index));
    this.morph = slider("Morph from A to B", { step: MORPH_STEP, show: percent, oninput: (morph) => this.change({ morph }, { isSmall: true }) });
    this.pad = new Pad({ name: "Place between the four instruments", corners: NAMES, onmove: (x, y) => this.change({ x, y }, { isSmall: true }) });
    this.undo = button("Undo", () => this.#undo());
    const actions = make("div", { class: "row" },
      button("All random", () => this.change({ seeds: this.mixture.seeds.map((seed, i) => (i < takingPart(this.mixture) ? randomSeed() : seed)) })),
      this.undo, button("Share link", () => this.#share()));
    this.element = make("section", { class: "panel instruments", "aria-labelledby": "instruments_title" }, title, this.mode.element,
      make("div", { class: "cards" }, ...this.cards.map(({ element }) => element)), this.morph.element, this.pad.element, actions,
      make("p", { class: "muted" }, "A seed finds an instrument again: 5 is the first that gansynth_generate --seed=5 plays, ",
        "5/7 its number 7, counted from 0."));
    this.show(mixture);
  }

  #card(name, index) {
    const input = make("input", {
      class: "seed", inputmode: "numeric", autocomplete: "off", spellcheck: "false", maxlength: 16, "aria-label": `Seed of instrument ${name}`,
    });
    input.addEventListener("change", () => {
      const seed = parseSeed(input.value);
      if (seed) {
        this.#setSeed(index, seed);
      } else {
        complain(new Error(WRONG_SEED));
        input.value = showSeed(this.mixture.seeds[index]);
      }
    });
    const picture = make("canvas", { class: "latents", width: 64, height: 8, "aria-hidden": "true" });
    const element = make("div", { class: "card", role: "group", "aria-label": `Instrument ${name}` },
      make("span", { class: "card_name", "aria-hidden": "true" }, name), input, picture,
      button("Random", () => this.#setSeed(index, randomSeed()), { "aria-label": `Random instrument ${name}` }),
      button("Solo", () => this.#goTo(index), { "aria-label": `Solo: play only instrument ${name}` }));
    return { element, input, picture };
  }

  #setSeed(index, seed) { this.change({ seeds: this.mixture.seeds.map((one, i) => (i === index ? seed : one)) }); }

  #goTo(index) {
    this.change(this.mixture.mode === "two" ? { morph: index } : { x: index % 2, y: index >> 1 });
  }

  /** Changes parts of the mixture; small changes in a row are undone together. */
  change(parts, { isSmall = false } = {}) {
    if (!(isSmall && this.lastWasSmall)) this.history.push(this.mixture);
    if (this.history.length > MAX_HISTORY) this.history.shift();
    this.lastWasSmall = isSmall;
    this.show({ ...this.mixture, ...parts });
    this.onchange(this.mixture);
  }

  #undo() {
    this.lastWasSmall = false;
    this.show(this.history.pop());
    this.onchange(this.mixture);
  }

  /** Shows a mixture. */
  show(mixture) {
    this.mixture = mixture;
    const isTwo = mixture.mode === "two";
    this.mode.select.value = mixture.mode;
    this.cards.forEach(({ element, input, picture }, index) => {
      element.hidden = index >= takingPart(mixture);
      input.value = showSeed(mixture.seeds[index]);
      drawLatents(picture, latentsOf(mixture.seeds[index], this.metadata));
    });
    this.morph.element.hidden = !isTwo;
    this.pad.element.hidden = isTwo;
    this.morph.value = mixture.morph;
    this.pad.move(mixture.x, mixture.y);
    this.undo.disabled = !this.history.length;
  }

  // Copies a link, and shows it, as not every browser lets a page copy.
  async #share() {
    const link = `${location.href.split("#")[0]}#${toHash(this.mixture)}`;
    const field = make("input", { readonly: true, value: link, "aria-label": "Link" });
    const isCopied = await navigator.clipboard?.writeText(link).then(() => true, () => false);
    say(isCopied ? "The link to these instruments is copied." : "Copy this link to these instruments:", { child: field });
    field.select();
  }
}

// Bars of the first latents, by which the eye tells instruments apart.
const drawLatents = (canvas, latents) => {
  const pen = canvas.getContext("2d"), { width, height } = canvas, count = Math.min(latents.length, width / 2);
  pen.clearRect(0, 0, width, height);
  for (let i = 0; i < count; i++) {
    const hue = 215 + 60 * Math.max(-2, Math.min(2, latents[i])), wide = width / count;
    pen.fillStyle = `hsl(${hue} 65% 55%)`;
    pen.fillRect(i * wide, 0, wide - (count < 33 ? 0.5 : 0), height);
  }
};
