"use strict";
// A page shows `#geste` when its address bears a token, and what became of it in `#statut`: a template, by its id.
// `data-reprise` on a template: the gesture stays, the same link may still do. `data-fini`: the token has served.
const geste = document.getElementById("geste");
const statut = document.getElementById("statut");

const REFUS = { 410: "expire", 422: "invalide", 429: "patience" };

function dire(etat, place = statut) {
  place.textContent = "";
  if (etat) place.append(document.getElementById(etat).content.cloneNode(true));
}

function preparer() {
  geste.hidden = location.hash.length < 2;
  dire(geste.hidden ? "absent" : "");
}

function occuper(oui) {
  for (const bouton of geste.querySelectorAll("button")) bouton.disabled = oui;
}

function poster(adresse, corps, signal) {
  return fetch(adresse, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(corps),
    // So that the browser keeps what a reset recognises it by at the next sign-in (R43).
    credentials: "same-origin",
    signal,
  });
}

async function demander(adresse, corps, lire) {
  const arret = new AbortController();
  const minuterie = setTimeout(() => arret.abort(), 30000);
  try {
    const reponse = await poster(adresse, corps, arret.signal);
    return (await lire(reponse)) || REFUS[reponse.status] || "panne";
  } catch {
    return "panne";
  } finally {
    clearTimeout(minuterie);
  }
}

// Posts the token with `corps`; `lire` gives the state that the answer leads to, or nothing when all pages read it alike.
async function agir(bouton, adresse, corps, lire) {
  const fragment = location.hash;
  occuper(true);
  dire("envoi");
  const etat = await demander(adresse, { jeton: fragment.slice(1), ...corps }, lire);
  occuper(false);
  // Another link was pasted meanwhile: this answer is not about what the page now shows.
  if (location.hash !== fragment) return preparer();
  dire(etat);
  const { reprise, fini } = document.getElementById(etat).dataset;
  geste.hidden = reprise === undefined;
  if (!geste.hidden) bouton.focus();
  if (fini !== undefined) history.replaceState(null, "", location.pathname);
  statut.scrollIntoView({ block: "nearest" });
}

// A whole link pasted over a cut one changes the fragment without loading the page again.
addEventListener("hashchange", preparer);
preparer();
