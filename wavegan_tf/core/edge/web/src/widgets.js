// Elements that both instruments use. They are ordinary HTML controls, so that the keyboard works them.

// An element: make("button", {class: "main", "aria-pressed": "true", onclick: f}, "text", child, ...).
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

// A button; what goes wrong in its function, at once or later, is shown.
export const button = (text, onclick, attributes = {}) => {
  const guarded = async (event) => {
    try {
      await onclick(event);
    } catch (error) {
      complain(error);
    }
  };
  return make("button", { type: "button", onclick: guarded, ...attributes }, text);
};

// A slider with its name and value: {element, input, get value, set value}. show turns a number into text.
export function slider(name, { min = 0, max = 1, step = 0.01, value = min, show, oninput, ...more }) {
  const text = make("output", {});
  const input = make("input", { type: "range", min, max, step, "aria-label": name, ...more });
  const update = () => {
    text.textContent = show(Number(input.value));
    input.setAttribute("aria-valuetext", text.textContent);
  };
  input.addEventListener("input", () => {
    update();
    oninput(Number(input.value));
  });
  input.value = value;
  update();
  const element = make("label", { class: "slider" }, make("span", {}, name), text, input);
  return {
    element,
    input,
    get value() { return Number(input.value); },
    set value(x) {
      input.value = x;
      update();
    },
  };
}

// A choice with its name: choices are [value, text] pairs.
export function choice(name, choices, value, onchange, attributes = {}) {
  const isChosen = (key) => String(key) === String(value);
  const options = choices.map(([key, text]) => make("option", { value: key, selected: isChosen(key) }, text));
  const select = make("select", { "aria-label": name, ...attributes }, ...options);
  select.addEventListener("change", () => onchange(select.value));
  return { element: make("label", { class: "choice" }, make("span", {}, name), select), select };
}

// A line at the bottom of the window that screen readers read out. Errors, and lines with a child such as a field to
// copy from, stay until they are closed.
export function say(text, { isError = false, child = null } = {}) {
  const place = document.getElementById("toasts");
  for (const other of [...place.children]) if (other.firstChild.textContent === text) other.remove();
  const toast = make("div", { class: isError ? "toast error" : "toast", role: isError ? "alert" : "status" },
    make("span", {}, text), child);
  if (isError || child) toast.append(button("Close", () => toast.remove()));
  else setTimeout(() => toast.remove(), 4000);
  place.append(toast);
  while (place.children.length > 3) place.firstChild.remove();
}

export const complain = (error) => say(error?.message ?? String(error), { isError: true });
