// Making elements.

/** An element `name` with `properties` (or attributes, where there is no such property). */
export function el(name, properties = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (key in node) node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** A button that does nothing more while it acts; `fail` is told what went wrong. */
export function button(text, style, act, fail) {
  const node = el("button", { type: "button", className: style, textContent: text });
  node.onclick = async () => {
    if (node.ariaBusy === "true") return;
    node.ariaBusy = "true"; // disabled, it would lose the focus
    try { await act(); } catch (error) { fail(error); } finally { node.ariaBusy = "false"; }
  };
  return node;
}

/** Shows `text` in the place `node`; nothing hides it. */
export function tell(node, text) {
  node.hidden = !text;
  node.textContent = text ?? "";
}
