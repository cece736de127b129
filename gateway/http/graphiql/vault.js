/* Where the tokens of the session are kept.

   A refresh token works once, and the gateway ends the session of one that comes twice. So windows share it only where
   the browser can lock it, which takes HTTPS or this machine. It is kept in IndexedDB then: a window may see old values
   of localStorage for a moment, also under a lock. Elsewhere each window has a session of its own and holds the refresh
   token in memory, because a duplicated window gets a copy of what sessionStorage holds. */

const NAME = "parley.session";
const isShared = "locks" in navigator;
const others = isShared ? new BroadcastChannel(NAME) : null;
let opened;
let own = isShared ? undefined : (JSON.parse(sessionStorage.getItem(NAME)) ?? undefined);
let turn = Promise.resolve();

/* The tokens as they are now; undefined if there are none. */
export async function read() {
  return isShared ? transact("readonly", (store) => store.get(NAME)) : own;
}

/* Keep these tokens, or none. The other windows are told. */
export async function write(grant) {
  if (!isShared) return writeOwn(grant);
  await transact("readwrite", (store) => put(store, grant));
  others.postMessage("changed");
}

/* As `write`, if the refresh token is still this one; whether it was. */
export async function replace(refreshToken, grant) {
  if (!isShared) return own?.refreshToken === refreshToken && (writeOwn(grant), true);
  const before = await transact("readwrite", (store) => {
    const reading = store.get(NAME);
    reading.onsuccess = () => reading.result?.refreshToken === refreshToken && put(store, grant);
    return reading;
  });
  others.postMessage("changed");
  return before?.refreshToken === refreshToken;
}

/* Do something that no other window does meanwhile. */
export function alone(act) {
  if (isShared) return navigator.locks.request(NAME, act);
  return (turn = turn.catch(() => {}).then(act));
}

/* Call back when another window has changed the tokens. */
export function onChange(act) {
  others?.addEventListener("message", act);
}

function writeOwn(grant) {
  own = grant;
  const { refreshToken, ...rest } = grant ?? {};
  if (grant) sessionStorage.setItem(NAME, JSON.stringify(rest));
  else sessionStorage.removeItem(NAME);
}

function put(store, grant) {
  return grant ? store.put(grant, NAME) : store.delete(NAME);
}

async function transact(mode, act) {
  opened ??= new Promise((resolve, reject) => {
    const opening = indexedDB.open(NAME, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("grants");
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
  const transaction = (await opened).transaction("grants", mode);
  return new Promise((resolve, reject) => {
    const request = act(transaction.objectStore("grants"));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = () => reject(transaction.error);
  });
}
