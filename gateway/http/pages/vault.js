/* Storage of the session's tokens.

   A refresh token works once; if it is used twice, the gateway ends its session. So windows share it only if the
   browser supports locks, which requires HTTPS or localhost. It is then kept in IndexedDB, because a window may briefly
   see old values of localStorage even under a lock. Otherwise each window has its own session and keeps the refresh
   token in memory, because a duplicated window gets a copy of sessionStorage. */

const NAME = "parley.session";
const isShared = "locks" in navigator;
const others = isShared ? new BroadcastChannel(NAME) : null;
let opened;
let own = isShared ? undefined : (JSON.parse(sessionStorage.getItem(NAME)) ?? undefined);
let turn = Promise.resolve();

/* The present tokens; undefined if there are none. */
export async function read() {
  return isShared ? transact("readonly", (store) => store.get(NAME)) : own;
}

/* Store these tokens, or delete them, and notify the other windows. */
export async function write(grant) {
  if (!isShared) return writeOwn(grant);
  await transact("readwrite", (store) => put(store, grant));
  others.postMessage("changed");
}

/* Like `write`, but only if this is still the refresh token. Returns whether it was. */
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

/* Run `act` while no other window does. */
export function alone(act) {
  if (isShared) return navigator.locks.request(NAME, act);
  return (turn = turn.catch(() => {}).then(act));
}

/* Call `act` when another window has changed the tokens. */
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
