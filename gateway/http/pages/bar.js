/* The bar at the top of a page: signing up, in and out. */

const forms = [...document.querySelectorAll("#bar form")];
const [signIn, signUp, useToken, signedIn] = forms;

export function startBar(session, demo) {
  if (demo) {
    signIn.elements.email.value = demo.email;
    signIn.elements.password.value = demo.password;
  }
  onSubmit(signIn, ({ email, password }) => session.signIn(email.value, password.value));
  onSubmit(signUp, async ({ email, password, fullName }) => {
    await session.signUp(email.value, password.value, fullName.value);
    signUp.reset();
  });
  onSubmit(useToken, ({ token }) => session.useToken(token.value.trim()).then(() => useToken.reset()));
  onSubmit(signedIn, () => session.signOut());
  for (const button of document.querySelectorAll("[data-show]")) {
    button.addEventListener("click", () => {
      report("");
      show(document.forms[button.dataset.show]);
      document.forms[button.dataset.show].querySelector("input").focus();
    });
  }
  const showSession = () => {
    report("");
    document.querySelector("#who").textContent = session.email ?? "";
    show(session.email ? signedIn : signIn);
  };
  session.addEventListener("change", showSession);
  showSession();
}

/* Show a message to the user, or none. */
export function report(text) {
  document.querySelector("#problem").textContent = text;
}

/* When a form is submitted, run `act` with its elements, and report what goes wrong. */
export function onSubmit(form, act) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    report("");
    try {
      await act(form.elements);
    } catch (problem) {
      report(problem.message);
    } finally {
      button.disabled = false;
    }
  });
}

function show(form) {
  for (const each of forms) each.hidden = each !== form;
}
