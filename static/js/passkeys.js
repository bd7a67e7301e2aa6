// A passkey is created or used by the browser (Web Authentication, level 3); its answer is sent with the form of the page.
const form = document.querySelector("form[data-passkey]");
const start = form.querySelector("[data-passkey-start]");
const failure = form.querySelector("[data-passkey-error]");

function showFailure(text) {
  failure.textContent = text;
  failure.hidden = false;
}

async function ask() {
  const options = JSON.parse(form.dataset.options);
  if (form.dataset.passkey === "create") {
    return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) });
  }
  return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
}

async function send() {
  failure.hidden = true;
  try {
    const credential = await ask();
    form.elements.credential.value = JSON.stringify(credential.toJSON());
    form.submit();
  } catch (error) {
    showFailure(error.name === "InvalidStateError" ? "This device has a passkey for you already." : "Nothing was received from your device. Try again.");
  }
}

if (window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
  start.hidden = false;
  start.addEventListener("click", send);
} else {
  showFailure("This browser does not support passkeys here. Use your password.");
}
