// A field with four corners and a handle between them, for mouse, fingers and arrow keys.

import { make } from "../widgets.js";

const STEP = 0.05, LARGE_STEP = 0.25;
const limited = (value) => Math.min(1, Math.max(0, value));
// Places on a grid, so that what was made for one is found again.
const rounded = (value) => Math.round(limited(value) / STEP) * STEP;

export class Pad {
  /**
   * @param {{name: string, corners: string[], onmove: (x: number, y: number) => void}} options  corners in the order of
   *   reading; x from left to right and y downwards, from 0 to 1
   */
  constructor({ name, corners, onmove }) {
    this.corners = corners;
    this.onmove = onmove;
    this.handle = make("div", { class: "handle", role: "slider", tabindex: 0, "aria-label": name, "aria-valuemin": 0, "aria-valuemax": 100 });
    const letters = corners.map((corner, i) => make("span", { class: `corner corner_${i}`, "aria-hidden": "true" }, corner));
    this.element = make("div", { class: "field" }, ...letters, this.handle);
    this.move(0, 0);
    this.#listen();
  }

  /** Shows a place. */
  move(x, y) {
    Object.assign(this, { x, y });
    this.handle.style.left = `${100 * x}%`;
    this.handle.style.top = `${100 * y}%`;
    const weights = [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y];
    const parts = this.corners.map((corner, i) => [corner, Math.round(100 * weights[i])]).filter(([, share]) => share);
    this.handle.setAttribute("aria-valuenow", Math.round(100 * x));
    this.handle.setAttribute("aria-valuetext", parts.map(([corner, share]) => `${share} % ${corner}`).join(", "));
  }

  #set(x, y) {
    const [newX, newY] = [x, y].map((value) => Number(rounded(value).toFixed(2)));
    if (newX === this.x && newY === this.y) return;
    this.move(newX, newY);
    this.onmove(newX, newY);
  }

  #listen() {
    let pointer = null;
    const follow = (event) => {
      const { left, top, width, height } = this.element.getBoundingClientRect();
      this.#set((event.clientX - left) / width, (event.clientY - top) / height);
    };
    this.element.addEventListener("pointerdown", (event) => {
      if (event.button > 0) return;
      pointer = event.pointerId;
      this.element.setPointerCapture(pointer);
      this.handle.focus({ preventScroll: true });
      follow(event);
      event.preventDefault();
    });
    this.element.addEventListener("pointermove", (event) => { if (event.pointerId === pointer) follow(event); });
    for (const kind of ["pointerup", "pointercancel"]) this.element.addEventListener(kind, () => { pointer = null; });
    this.handle.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      const step = event.shiftKey ? LARGE_STEP : STEP;
      const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step], Home: [-1, -1], End: [1, 1] };
      const move = moves[event.key];
      if (!move) return;
      event.preventDefault();
      this.#set(this.x + move[0], this.y + move[1]);
    });
  }
}
