"""The whole life of an account, sign-up to erasure, with time moving: the API beside a small model, whatever comes after what.

The API runs in this process, on a real migrated PostgreSQL: an access token goes by the clock of the process that reads it, and
only here can that clock and the database's be stopped at the very same second, so that every deadline is tried at its exact
edge. Limits are off, and nobody is a minor: both have their own tests. A walk at random, as long as a night: `VIES=2000`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test

from app.composition import conserver
from app.settings import Settings
from tests.builders import VERSION, un_citoyen, une_demande
from tests.e2e.modele import JOUR, LISTES, SECONDE, SESSIONS, Acces, Compte, Contact, Preuve
from tests.e2e.monde import (
    EMAILS,
    FAUX,
    MOBILES,
    MOTS_DE_PASSE,
    NOMS,
    PERSONNES,
    RETOUR,
    VALEURS,
    Monde,
    instant,
    options,
    parmi,
    verdict,
)
from tests.service import Service, porteur, publier

# Lives to lead at random, instead of the same few at each run.
VIES = int(os.environ.get("VIES", "0"))

# What goes well at both ends: the generator likes ends. The newest more often than the others.
rang = st.sampled_from((0, 0, 1, 0, 2, 5, 3, 1, 0, 0))
canaux = st.sampled_from(("email", "sms"))
mots = st.sampled_from(MOTS_DE_PASSE)
mots_donnes = st.sampled_from(("juste", "faux", "sans", "juste"))
presque = juste = st.sampled_from((True, True, False, True))
listes = st.sets(st.sampled_from(LISTES)).map(frozenset)
durees = st.sampled_from((1, 9, 10, 300, 600, 1800, 86_400, 43_200, 3600, 630, 299, 60, 11)).map(lambda s: s * SECONDE)
longues = st.sampled_from((7, 8, 30, 31, 365, 400, 731)).map(lambda j: j * JOUR)


class Toutes:
    """Every rule in every life. The generator's habit, which a long walk keeps, is to do without half of them in each."""

    def is_enabled(self, regle: str) -> bool:
        return True


class Vie(Monde):
    """One life of a few people; the database is emptied before each."""

    def __init__(self, service: Service, boucle: asyncio.Runner) -> None:
        super().__init__(service, boucle)
        if not VIES:
            self._rules_strategy.enabled_rules_strategy = st.just(Toutes())  # type: ignore[arg-type]

    # Signing up and activating

    @initialize(canal=canaux, mot=mots, cochees=listes)
    def commencer(self, canal: str, mot: str, cochees: frozenset[str]) -> None:
        """Two who share a mailbox are active and signed in, one with a proven telephone; a third has just signed up."""
        for qui, nom, par in (("Ada", "ligne.un", "email"), ("Blaise", "ligne.deux", canal)):
            self.inscrire(qui, nom, mot, par, cochees, perimee=False)
            self.lever()
            self.essayer(0, 0, juste=True)
            self.connecter(0, "identifiant", mot, "rester_connecte")
            if qui == "Ada":
                self.demander_contact(0, "sms", 0, "juste", "prouver")
                self.choisir(0, frozenset(LISTES))
        self.inscrire("Chloe", "ligne.trois", mot, canal, cochees, perimee=False)

    @rule(
        qui=st.sampled_from(tuple(PERSONNES)),
        nom=st.sampled_from(NOMS),
        mot=mots,
        canal=st.sampled_from(("email", "sms", None)),
        cochees=listes,
        perimee=st.sampled_from((False, True, False, False)),
    )
    @precondition(lambda self: sum(c.etat not in ("efface", "supprime") for c in self.modele.comptes) < 4)
    def inscrire(self, qui: str, nom: str, mot: str, canal: str | None, cochees: frozenset[str], perimee: bool) -> None:
        version = self.modele.anciennes_cgu[-1] if perimee and self.modele.anciennes_cgu else self.modele.cgu
        contacts = {"email": Contact(EMAILS[qui]), "sms": Contact(MOBILES[qui])}
        expire_le = self.modele.instant + 7 * JOUR
        compte = Compte(qui, nom, mot, contacts, set(cochees), expire_le, cgu=version)
        attendue = self.modele.inscrire(compte, canal)
        demande = une_demande(
            un_citoyen(prenom=qui, nom_naissance=PERSONNES[qui], nom_usage=None),
            identifiant=nom,
            mot_de_passe=mot,
            email=EMAILS[qui],
            telephone_mobile=MOBILES[qui],
            activer_par=canal,
            diffusion={liste: liste in cochees for liste in LISTES},
            reglementation={"cgu": {"accepte": True, "version": version}, "rgpd": {"accepte": True, "version": VERSION}},
        )
        reponse = verdict(attendue, self.appeler("POST", "/v1/inscriptions", demande, compte))
        if attendue[0] == 201:
            compte.id, compte.secret = reponse.json()["id"], reponse.json()["secret"]
            self.destinations[compte.id] = {EMAILS[qui], MOBILES[qui]}
            if canal:
                self.modele.preuves[-1].id = reponse.json()["activation"]["id"]

    @rule(n=rang, canal=canaux)
    def demander_activation(self, n: int, canal: str) -> None:
        compte = parmi(self.modele.comptes, n, lambda c: c.etat == "en_attente")
        avant = list(self.modele.preuves)
        attendue = self.modele.demander_activation(compte, canal)
        chemin = f"/v1/inscriptions/{compte.id}/activations"
        reponse = verdict(attendue, self.appeler("POST", chemin, {"canal": canal}, compte, **secret(compte)))
        self._nommer(avant, reponse)

    def _nommer(self, avant: list[Preuve], reponse: httpx.Response) -> None:
        for preuve in self.modele.preuves:
            if preuve not in avant:
                preuve.id = reponse.json()["id"]

    @rule(n=rang, m=rang, juste=juste)
    @precondition(lambda self: self.preuves("activation"))
    def essayer(self, n: int, m: int, juste: bool) -> None:
        """Somebody's code, at one's own sign-up: one's own when `m` is 0."""
        preuve = parmi(self.preuves("activation"), n, self.modele.ouverte)
        compte = parmi(self.modele.comptes, m) if m else preuve.compte
        attendue = self.modele.essayer(compte, preuve, juste=juste)
        chemin = f"/v1/inscriptions/{compte.id}/activations/{preuve.id}/essais"
        verdict(attendue, self.appeler("POST", chemin, {"code": un_code(preuve, juste)}, compte, **secret(compte)))

    @rule(n=rang)
    @precondition(lambda self: any(p.lien for p in self.preuves("activation")))
    def suivre(self, n: int) -> None:
        preuve = parmi([p for p in self.preuves("activation") if p.lien], n, self.modele.ouverte)
        deja = preuve.compte.etat != "en_attente"
        attendue = self.modele.suivre(preuve)
        reponse = verdict(attendue, self.appeler("POST", "/v1/liens-activation", {"jeton": preuve.lien}))
        assert reponse.json().get("deja_active", deja) == deja

    @rule(n=rang, duree=st.sampled_from(tuple(SESSIONS)))
    def echanger(self, n: int, duree: str) -> None:
        compte = parmi(self.modele.comptes, n, lambda c: c.etat == "actif" and not c.secret_depense)
        attendue = self.modele.echanger(compte, duree)
        chemin = f"/v1/inscriptions/{compte.id}/session"
        reponse = verdict(attendue, self.appeler("POST", chemin, options(duree), compte, **secret(compte)))
        if attendue[0] == 201:
            self.recue(self.modele.sessions[-1], reponse)

    # Sessions

    @rule(
        n=rang,
        par=st.sampled_from(("identifiant", "identifiant", "email")),
        mot=st.sampled_from((None, None, *MOTS_DE_PASSE, FAUX, None, None, None)),
        duree=st.sampled_from(tuple(SESSIONS)),
    )
    def connecter(self, n: int, par: str, mot: str | None, duree: str) -> None:
        """With the right password, when there is one, unless another is said."""
        compte = self.un_compte(n)
        saisie = compte.identifiant if par == "identifiant" else compte.contacts["email"].valeur
        vise = self.modele.designe(saisie)
        self._connecter(saisie, mot or (vise and vise.mot_de_passe) or FAUX, duree)

    @rule(n=rang, recul=st.sampled_from((1, 0, 3, 2, 0, 1)))
    @precondition(lambda self: self.modele.sessions)
    def rafraichir(self, n: int, recul: int) -> None:
        """With the current token, or one spent before; it goes on as often as that takes."""
        session = parmi(self.modele.sessions, n, self.modele.vit)
        while self.modele.vit(session) and len(session.jetons) <= recul:
            self._rafraichir(session, 0)
        self._rafraichir(session, recul)

    @rule(n=rang, laquelle=st.sampled_from(("courante", "toutes", "autre")), m=rang)
    @precondition(lambda self: self.quelqu_un())
    def se_deconnecter(self, n: int, laquelle: str, m: int) -> None:
        acces = self.un_acces(n)
        if laquelle == "toutes":
            verdict(self.modele.fermer_toutes(acces), self.avec(acces, "DELETE", "/v1/sessions"))
        else:
            autre = parmi(self.modele.sessions, m) if laquelle == "autre" else acces.session
            attendue = self.modele.fermer(acces, autre)
            chemin = "courante" if laquelle == "courante" else autre.id
            verdict(attendue, self.avec(acces, "DELETE", f"/v1/sessions/{chemin}"))

    @rule(n=rang, juste=juste)
    @precondition(lambda self: self.quelqu_un())
    def reauthentifier(self, n: int, juste: bool) -> None:
        acces = self.un_acces(n)
        mot = mot_de(acces, juste)
        attendue = self.modele.reauthentifier(acces, mot)
        verdict(attendue, self.avec(acces, "POST", "/v1/sessions/courante/reauthentification", {"mot_de_passe": mot}))

    # The account

    @rule(n=rang, juste=juste, neuf=mots)
    @precondition(lambda self: self.quelqu_un())
    def changer_mot_de_passe(self, n: int, juste: bool, neuf: str) -> None:
        acces = self.un_acces(n)
        actuel = mot_de(acces, juste)
        attendue = self.modele.changer_mot_de_passe(acces, actuel, neuf)
        demande = {"mot_de_passe_actuel": actuel, "mot_de_passe": neuf}
        verdict(attendue, self.avec(acces, "PUT", "/v1/moi/mot-de-passe", demande))

    @rule(n=rang, juste=juste, nom=st.sampled_from(NOMS))
    @precondition(lambda self: self.quelqu_un())
    def changer_identifiant(self, n: int, juste: bool, nom: str) -> None:
        acces = self.un_acces(n)
        mot = mot_de(acces, juste)
        attendue = self.modele.changer_identifiant(acces, mot, nom)
        verdict(attendue, self.avec(acces, "PUT", "/v1/moi/identifiant", {"identifiant": nom, "mot_de_passe": mot}))

    @rule(
        n=rang,
        canal=canaux,
        m=rang,
        mot=mots_donnes,
        suite=st.sampled_from(("prouver", "rien", "defaire")),
    )
    @precondition(lambda self: self.quelqu_un())
    def demander_contact(self, n: int, canal: str, m: int, mot: str, suite: str) -> None:
        """`suite`: the right code at once, and the way back."""
        acces, valeur = self.un_acces(n), parmi(VALEURS[canal], m)
        donne = None if mot == "sans" else mot_de(acces, mot == "juste")
        avant = list(self.modele.preuves)
        attendue = self.modele.demander_contact(acces, canal, valeur, donne)
        demande = {"canal": canal, "valeur": valeur, "mot_de_passe": donne}
        reponse = verdict(attendue, self.avec(acces, "POST", "/v1/moi/contacts", demande))
        if attendue[0] == 202:
            self.destinations[acces.session.compte.id].add(valeur)
            self._nommer(avant, reponse)
            if suite != "rien":
                self.lever()
                self._prouver(acces, next(p for p in self.modele.preuves if p.id == reponse.json()["id"]), juste=True)
            if suite == "defaire":
                self._se_raviser(acces.session.compte, 0)

    @rule(n=rang, m=rang, juste=juste)
    @precondition(lambda self: self.quelqu_un() and self.preuves("contact"))
    def prouver_contact(self, n: int, m: int, juste: bool) -> None:
        preuve = parmi(self.preuves("contact"), n, self.modele.ouverte)
        siens = [a for a in self.acces if a.session.compte is preuve.compte]
        self._prouver(parmi(self.acces if m > 2 else siens, m), preuve, juste)

    def _prouver(self, acces: Acces, preuve: Preuve, juste: bool) -> None:
        attendue = self.modele.prouver_contact(acces, preuve, juste=juste)
        chemin = f"/v1/moi/contacts/{preuve.id}/essais"
        verdict(attendue, self.avec(acces, "POST", chemin, {"code": un_code(preuve, juste)}))

    @rule(n=rang)
    @precondition(lambda self: self.preuves("annulation_contact", "annulation_effacement"))
    def annuler(self, n: int) -> None:
        self._annuler(parmi(self.preuves("annulation_contact", "annulation_effacement"), n, self.modele.ouverte))

    def _se_raviser(self, compte: Compte, n: int) -> None:
        """By the latest way back that was sent, or for -1 the first that still leads anywhere."""
        self.lever()
        retours = [p for p in self.preuves("annulation_contact", "annulation_effacement") if p.compte is compte]
        if retours := list(filter(self.modele.ouverte, retours)):
            self._annuler(parmi(retours, n))

    def _annuler(self, preuve: Preuve) -> None:
        reponse = verdict(self.modele.annuler(preuve), self.appeler("POST", "/v1/annulations", {"jeton": preuve.lien}))
        if reponse.status_code == 200:
            assert f"annulation_{reponse.json()['objet']}" == preuve.usage

    # Getting back in

    @rule(
        n=rang,
        par=st.sampled_from(("identifiant", "email", "identifiant")),
        canal=st.sampled_from((None, "sms", None, "email")),
        aussitot=presque,
        neuf=mots,
    )
    def oublier(self, n: int, par: str, canal: str | None, aussitot: bool, neuf: str) -> None:
        """`aussitot`: and what comes is used at once."""
        compte = self.un_compte(n)
        saisie = compte.identifiant if par == "identifiant" else compte.contacts["email"].valeur
        preuve = self.modele.oublier(saisie, canal)
        reponse = self.appeler("POST", "/v1/recuperations/mot-de-passe", {"identifiant": saisie, "canal": canal})
        verdict((202, None), reponse)
        if preuve:
            preuve.id = reponse.json()["id"]
            if aussitot:
                self.lever()
                self._reinitialiser(preuve, "lien" if preuve.lien else "code", neuf)

    @rule(n=rang, moyen=st.sampled_from(("lien", "faux", "code", "lien")), neuf=mots)
    @precondition(lambda self: self.preuves("mot_de_passe"))
    def reinitialiser(self, n: int, moyen: str, neuf: str) -> None:
        self._reinitialiser(parmi(self.preuves("mot_de_passe"), n, self.modele.ouverte), moyen, neuf)

    def _reinitialiser(self, preuve: Preuve, moyen: str, neuf: str) -> None:
        par_code = bool(preuve.code) and (moyen != "lien" or not preuve.lien)
        attendue = self.modele.reinitialiser(preuve, neuf, par_code=par_code, juste=not par_code or moyen != "faux")
        moyens = {"id": preuve.id, "code": un_code(preuve, moyen != "faux")} if par_code else {"jeton": preuve.lien}
        demande = moyens | {"mot_de_passe": neuf}
        verdict(attendue, self.appeler("POST", "/v1/recuperations/mot-de-passe/confirmations", demande))

    @rule(n=rang)
    @precondition(lambda self: any(p.lien for p in self.modele.preuves))
    def detourner(self, n: int) -> None:
        """A link made for one purpose opens nothing else."""
        preuve = parmi([p for p in self.modele.preuves if p.lien], n, self.modele.ouverte)
        if preuve.usage != "activation":
            verdict((410, "lien_expire"), self.appeler("POST", "/v1/liens-activation", {"jeton": preuve.lien}))
        if preuve.usage != "mot_de_passe":
            demande = {"jeton": preuve.lien, "mot_de_passe": FAUX}
            reponse = self.appeler("POST", "/v1/recuperations/mot-de-passe/confirmations", demande)
            verdict((422, "recuperation_refusee"), reponse)
        if not preuve.usage.startswith("annulation"):
            verdict((410, "lien_expire"), self.appeler("POST", "/v1/annulations", {"jeton": preuve.lien}))

    # Rights

    @rule(n=rang, choix=listes)
    @precondition(lambda self: self.quelqu_un())
    def choisir(self, n: int, choix: frozenset[str]) -> None:
        acces = self.un_acces(n)
        attendue = self.modele.choisir(acces, set(choix))
        verdict(attendue, self.avec(acces, "PUT", "/v1/moi/diffusion", {liste: liste in choix for liste in LISTES}))

    @rule(n=rang)
    @precondition(lambda self: self.desinscriptions)
    def se_desinscrire(self, n: int) -> None:
        """By the link of a mail received once, however long ago."""
        compte = parmi(list(self.desinscriptions), n)
        for sortie, jeton in self.desinscriptions[compte].items():
            attendue = self.modele.se_desinscrire(compte, set(LISTES) if sortie == "toutes" else {sortie})
            verdict(attendue, self.appeler("POST", "/v1/desinscriptions", {"jeton": jeton, "listes": sortie}))

    @rule()
    @precondition(lambda self: len(self.modele.anciennes_cgu) < 3)
    def publier(self) -> None:
        version = f"2027-{len(self.modele.anciennes_cgu) + 1:02d}"
        self.modele.publier(version)
        self._(publier(self.service, version, f"Texte {version}"))

    @rule(n=rang, perimee=st.sampled_from((False, True, False)))
    @precondition(lambda self: self.quelqu_un() and self.modele.anciennes_cgu)
    def accepter(self, n: int, perimee: bool) -> None:
        acces, version = self.un_acces(n), self.modele.anciennes_cgu[-1] if perimee else self.modele.cgu
        attendue = self.modele.accepter(acces, version)
        verdict(attendue, self.avec(acces, "POST", "/v1/moi/acceptations", {"cgu": {"accepte": True, "version": version}}))

    @rule(n=rang)
    @precondition(lambda self: self.quelqu_un())
    def exporter(self, n: int) -> None:
        acces = self.un_acces(n)
        compte = acces.session.compte
        reponse = verdict(self.modele.exporter(acces), self.avec(acces, "GET", "/v1/moi/export"))
        if reponse.status_code == 200:
            assert reponse.json()["compte"]["id"] == compte.id
            assert {s["id"] for s in reponse.json()["sessions"]} == self.vivantes(compte)
            assert "argon2" not in reponse.text
            assert compte.secret not in reponse.text

    @rule(n=rang, mot=mots_donnes, suite=st.sampled_from(("conserver", "rien", "garder", "defaire")))
    @precondition(lambda self: self.quelqu_un() and self.pas > 5)
    def effacer(self, n: int, mot: str, suite: str) -> None:
        """`suite`: retention at once; the way back; or that to a former contact, which whoever asked for this had replaced."""
        acces = self.un_acces(n)
        donne = None if mot == "sans" else mot_de(acces, mot == "juste")
        attendue = self.modele.effacer(acces, donne)
        reponse = verdict(attendue, self.avec(acces, "POST", "/v1/moi/effacement", {"mot_de_passe": donne}))
        if reponse.status_code == 202:
            assert instant(reponse.json()["effacement_le"]) == acces.session.compte.effacement_le
            if suite == "conserver":
                self.conserver()
            elif suite != "rien":
                self._se_raviser(acces.session.compte, 0 if suite == "garder" else -1)

    @rule(n=rang)
    def suspendre_ou_retablir(self, n: int) -> None:
        """As an administrator would."""
        compte = self.un_compte(n)
        if compte.etat in ("actif", "suspendu"):
            compte.etat = "suspendu" if compte.etat == "actif" else "actif"
            self._(self.service.sql.execute("update comptes set etat = $2 where id = $1", compte.id, compte.etat))

    # Time

    @rule(duree=durees)
    def patienter(self, duree: timedelta) -> None:
        self.aller(self.modele.instant + duree)

    @rule(duree=longues)
    @precondition(lambda self: self.pas > 15)
    def attendre(self, duree: timedelta) -> None:
        self.aller(self.modele.instant + duree)

    @rule(n=st.integers(0, 3), avant=st.sampled_from((timedelta(), timedelta(), SECONDE)))
    @precondition(lambda self: any(self.modele.echeances()))
    def aller_a_une_echeance(self, n: int, avant: timedelta) -> None:
        """To the very instant at which something ends, or to the second before."""
        prochaines = sorted(set(self.modele.echeances()))
        self.aller(max(self.modele.instant, prochaines[min(n, len(prochaines) - 1)] - avant))

    @rule()
    def conserver(self) -> None:
        self.modele.conserver()
        self._(conserver(self.service.settings, simuler=False))


def secret(compte: Compte) -> dict[str, str]:
    return porteur({"secret": compte.secret})


def un_code(preuve: Preuve, juste: bool) -> str:
    return preuve.code if juste else f"{(int(preuve.code) + 1) % 10**6:06d}"


def mot_de(acces: Acces, juste: bool) -> str:
    return (acces.session.compte.mot_de_passe if juste else None) or FAUX


@pytest.fixture(scope="module")
def boucle() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def service(boucle: asyncio.Runner, acces: dict[str, str], dossier: Path) -> Iterator[Service]:
    reglages = Settings(
        **acces,  # type: ignore[arg-type]
        data_dir=str(dossier),
        public_url="https://compte.exemple.fr",
        secret_keys="essai:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=",
        return_urls=RETOUR,
        worker="off",
        limits="off",
    )
    pile = AsyncExitStack()
    service = boucle.run(pile.enter_async_context(Service(reglages)))
    yield service
    boucle.run(pile.aclose())


def test_whatever_comes_after_what_the_api_and_the_model_tell_the_same_story(service: Service, boucle: asyncio.Runner) -> None:
    run_state_machine_as_test(
        lambda: Vie(service, boucle),  # type: ignore[arg-type]  # it only calls it
        settings=settings(
            max_examples=VIES or 48,
            stateful_step_count=40,
            derandomize=not VIES,
            phases=[Phase.generate, Phase.shrink] if VIES else [Phase.generate],
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


# Lives that once went wrong, as they were found.


@pytest.fixture
def vie(service: Service, boucle: asyncio.Runner) -> Iterator[Vie]:
    """Ada's session is the last but one."""
    vie = Vie(service, boucle)
    vie.commencer("email", MOTS_DE_PASSE[0], frozenset())
    vie.tout_concorde()
    yield vie
    vie.tout_concorde()
    vie.teardown()


def test_whoever_takes_an_address_away_and_asks_for_an_erasure_is_undone_of_both(vie: Vie) -> None:
    vie.demander_contact(1, "email", 0, "juste", "prouver")
    vie.tout_concorde()
    vie.effacer(1, "juste", "defaire")
    assert not vie.modele.comptes[0].effacement_le


def test_whoever_proved_a_telephone_has_no_way_back_once_the_address_is_given_back(vie: Vie) -> None:
    vie.demander_contact(1, "sms", 1, "juste", "prouver")
    vie.tout_concorde()
    [par_sms] = [p for p in vie.preuves("annulation_contact") if p.canal == "sms"]
    vie.demander_contact(1, "email", 0, "juste", "prouver")
    vie.tout_concorde()
    vie._annuler(next(p for p in vie.preuves("annulation_contact") if p.canal == "email"))
    vie.tout_concorde()
    assert (par_sms.canal, par_sms.sort) == ("sms", "remplacee")
    vie._annuler(par_sms)


def test_leaving_a_list_by_its_mail_holds_for_a_suspended_account(vie: Vie) -> None:
    vie.suspendre_ou_retablir(1)
    vie.se_desinscrire(0)
    assert not vie.modele.comptes[0].diffusion
