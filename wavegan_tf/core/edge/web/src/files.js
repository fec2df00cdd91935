// Files in and out of the page.

import { complain } from "./widgets.js";

// Offers bytes (or text) to be saved under a name.
export function download(name, content, type = "application/octet-stream") {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

// Lets the listener choose files of these endings; calls handle(name, bytes) with each.
export function openFiles(accept, handle) {
  const input = document.createElement("input");
  Object.assign(input, { type: "file", accept, multiple: true });
  input.addEventListener("change", async () => {
    for (const file of input.files) handle(file.name, new Uint8Array(await file.arrayBuffer()));
  });
  input.click();
}

// Calls handle(name, bytes) with each file that is dropped on the page, beside the body too.
export function acceptDrops(handle) {
  const { body, documentElement: page } = document;
  const isFiles = (event) => event.dataTransfer?.types.includes("Files");
  page.addEventListener("dragover", (event) => {
    if (!isFiles(event)) return;
    event.preventDefault();
    body.classList.add("dropping");
  });
  page.addEventListener("dragleave", () => body.classList.remove("dropping"));
  page.addEventListener("drop", async (event) => {
    if (!isFiles(event)) return;
    event.preventDefault();
    body.classList.remove("dropping");
    for (const file of [...event.dataTransfer.files]) {
      try {
        handle(file.name, new Uint8Array(await file.arrayBuffer()));
      } catch {
        complain(new Error(`${file.name}: can't be read; drop files, not folders`));
      }
    }
  });
}

// Values that the browser keeps for this page: get(name), and set(name, value), which is false where it can't.
export function keeper(page) {
  const place = (name) => `instrument/${page}/${name}`;
  return {
    get(name) {
      try {
        return JSON.parse(localStorage.getItem(place(name)));
      } catch {
        return null;
      }
    },
    set(name, value) {
      try {
        localStorage.setItem(place(name), JSON.stringify(value));
        return true;
      } catch {
        return false;
      }
    },
  };
}
