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

/* Unseen, or changing how others are seen: controls, marks of direction, spaces other than the plain one, marks that
   cross out or enclose, and marks on no letter or above two others. */
const HIDDEN =
  /(?![ \n])[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800\u0334-\u0338\u20d0-\u20ff\p{Me}]|(?<!\p{L}\p{M}?)\p{M}/gu;

/* A text in which these are written out as in JSON: for what a person judges. */
export function visible(text) {
  const written = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return text.replace(HIDDEN, (hidden) => hidden.split("").map(written).join(""));
}
