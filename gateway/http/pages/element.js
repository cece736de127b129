/* Builds elements. All text becomes text nodes: nothing that a person or a model wrote is read as markup. */

/* An element with these properties (`aria-…`, `role` and `data-…` are attributes) and children (elements or text). */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (/^(aria|data)-|^role$/.test(key)) made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}
