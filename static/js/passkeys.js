// A passkey is created or used by the browser (Web Authentication, level 3); its answer is sent with the form around it.
const place = document.querySelector("[data-passkey]");

function showFailure(text) {
  const failure = place.querySelector("[data-passkey-error]");
  failure.textContent = text;
  failure.hidden = !text;
}

async function ask() {
  const options = JSON.parse(place.dataset.options);
  if (place.dataset.passkey === "create") {
    return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) });
  }
  return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
}

async function send() {
  showFailure("");
  try {
    const credential = await ask();
    const form = place.closest("form");
    form.elements.credential.value = JSON.stringify(credential.toJSON());
    form.submit();
  } catch (error) {
    showFailure(error.name === "InvalidStateError" ? "This device has a passkey for you already." : "Nothing was received from your device. Try again.");
  }
}

if (place) {
  const start = place.querySelector("[data-passkey-start]");
  if (window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
    start.hidden = false;
    start.addEventListener("click", send);
  } else if (place.matches("form")) {
    showFailure("This browser does not support passkeys here. Use your password.");
  }
}
