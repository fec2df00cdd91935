// The keyboard: notes of generated instruments.

import { make } from "../widgets.js";

// Builds the instrument inside root and plays what the engine makes.
export async function start(root, engine) {
  root.append(make("p", {}, `${engine.metadata.model}: ready`));
}
