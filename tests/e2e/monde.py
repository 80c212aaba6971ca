"""What stands between the model and the API: calls, messages, choices among what there is, and the comparison of the two."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx
from hypothesis.stateful import RuleBasedStateMachine, invariant

from domain.ports import MessageRecu
from tests.builders import VERSION
from tests.e2e.cibles import Cible, cibles
from tests.e2e.modele import SECONDE, Acces, Compte, Modele, Preuve, Reponse, Session
from tests.openapi import le_document
from tests.service import Service, bearer

T = TypeVar("T")

DEBUT = datetime(2026, 11, 21, 10, tzinfo=UTC)
# Their names are seen by nobody else: canaries, too long to be read in a token by chance. Ada and Blaise share a mailbox,
# Blaise and Chloé a telephone.
PERSONNES = {"Ada": "Zorvanetille", "Blaise": "Quilbecardin", "Chloe": "Mirdalouette"}
EMAILS = {"Ada": "foyer@exemple.fr", "Blaise": "foyer@exemple.fr", "Chloe": "chloe@exemple.fr"}
MOBILES = {"Ada": "+33611111111", "Blaise": "+33622222222", "Chloe": "+33622222222"}
VALEURS = {"email": ("foyer@exemple.fr", "chloe@exemple.fr", "neuve@exemple.fr"), "sms": ("+33611111111", "+33633333333")}
NOMS = ("ligne.un", "ligne.deux", "ligne.trois", "ligne.quatre")
MOTS_DE_PASSE = ("Tulipe!73orage", "Granit?58vague", "Bouleau+41neige")
FAUX = "Cerise!84brume"
# Where a page may ask to be led back to.
RETOUR = "https://portail.exemple.fr/retour"

A_ENVOYER = """
    select exists (select from outbox where livraison in ('en_file', 'nouvel_essai')) or exists (select from recuperations)
"""
MESSAGES = """
    select o.id, o.compte_id, o.modele, o.canal, o.jeton_id, j.usage
      from outbox o left join jetons j on j.id = o.jeton_id where o.id = any ($1)
"""
ETATS = """
    select c.id, etat, identifiant,
           effacement_le is not null as effacement_prevu, empreinte_mdp is not null as mot_de_passe_defini,
           (select jsonb_build_object('valeur', valeur, 'verifie', verifie_le is not null) from contacts
             where compte_id = c.id and nature = 'email') as email,
           (select jsonb_build_object('valeur', valeur, 'verifie', verifie_le is not null) from contacts
             where compte_id = c.id and nature = 'telephone_mobile') as sms,
           array(select id from sessions where compte_id = c.id and terminee_le is null and expire_le > horloge()
                    and c.etat = 'actif' and c.effacement_le is null) as sessions,
           array(select substr(objet, 11) from (select distinct on (objet) objet, valeur from actes_juridiques
                  where compte_id = c.id and nature = 'consentement' order by objet, id desc) d where valeur) as diffusion,
           (select document_version from actes_juridiques
             where compte_id = c.id and objet = 'cgu' order by id desc limit 1) as cgu
      from comptes c
"""
REGISTRE = """
    select id, concat_ws('|', compte_id, objet, valeur, document_version, document_sha256, fait_le) as texte
      from actes_juridiques
"""


class Monde(RuleBasedStateMachine):
    """A few people before an empty service, its clocks stopped; after each step, everything is compared."""

    def __init__(self, service: Service, boucle: asyncio.Runner) -> None:
        super().__init__()
        self.service, self.boucle = service, boucle
        self.modele = Modele(DEBUT, VERSION)
        # Over for good, and over for now: a suspended account may come back.
        self.finies: set[Session] = set()
        self.muettes: set[Session] = set()
        self.destinations: dict[str, set[str]] = {}
        self.desinscriptions: dict[Compte, dict[str, str]] = {}
        self.registre: dict[int, str] = {}
        self.arrive, self.pas = False, 0
        self._(vider(service))
        self._(service.figer(DEBUT))

    def _(self, appel: Any) -> Any:
        return self.boucle.run(appel)

    # Calls

    def appeler(
        self, methode: str, chemin: str, corps: Any = None, par: Compte | None = None, **entetes: str
    ) -> httpx.Response:
        """`par`: on whose behalf; the answer tells nothing of anybody else, but what was in the question."""
        reponse: httpx.Response = self._(self.service.http.request(methode, chemin, json=corps, headers=entetes))
        assert reponse.status_code < 500, reponse.text
        for canari in self.canaris(par):
            assert canari.lower() not in reponse.text.lower() or canari in chemin, f"{methode} {chemin} tells {canari}"
        return reponse

    def canaris(self, par: Compte | None) -> Iterator[str]:
        """What only others know: their names, the ids of their accounts and of their sessions."""
        yield from (nom for qui, nom in PERSONNES.items() if par is None or qui != par.personne)
        yield from (c.id for c in self.modele.comptes if c is not par and c.id)
        yield from (s.id for s in self.modele.sessions if s.compte is not par and s.id)

    def avec(self, acces: Acces, methode: str, chemin: str, corps: Any = None, **entetes: str) -> httpx.Response:
        return self.appeler(methode, chemin, corps, acces.session.compte, **bearer({"jeton_acces": acces.jeton}), **entetes)

    def recue(self, session: Session, reponse: httpx.Response) -> None:
        """What the answer hands out of this session."""
        corps = reponse.json()
        session.id = session.id or corps["session"]
        assert session.id == corps["session"]
        if corps["jeton_rafraichissement"] not in session.jetons:
            session.jetons.append(corps["jeton_rafraichissement"])
        fin = self.modele.vie_acces(session)
        assert corps["expire_dans"] == (fin - self.modele.instant).total_seconds()
        assert instant(corps["session_expire_le"]) == session.expire_le
        assert instant(corps["session_fin_le"]) == session.fin_le
        session.acces.append(Acces(session, fin, corps["jeton_acces"]))

    # What there is to act on

    @property
    def acces(self) -> list[Acces]:
        return [a for s in self.modele.sessions for a in s.acces]

    def quelqu_un(self) -> bool:
        """Whether somebody is in, or may come in."""
        return any(self.modele.vit(s) for s in self.modele.sessions) or any(map(entre, self.modele.comptes))

    def un_acces(self, n: int) -> Acces:
        """Of somebody who is in, unless `n` goes beyond: refreshed when it is too old, as clients do."""
        if not any(self.modele.vit(s) for s in self.modele.sessions):
            compte = next(filter(entre, self.modele.comptes))
            self._connecter(compte.identifiant, compte.mot_de_passe or "", "ordinaire")
        acces = parmi(self.acces, n, lambda a: self.modele.vit(a.session))
        if self.modele.refus(acces) and self.modele.vit(acces.session) and n < 5:
            self._rafraichir(acces.session, 0)
        return acces.session.acces[-1] if n < 5 else acces

    def un_compte(self, n: int) -> Compte:
        """One that lives, if there is and `n` does not go beyond."""
        vivants = [c for c in self.modele.comptes if c.vivant]
        return parmi(vivants if vivants and n < 5 else self.modele.comptes, n)

    def preuves(self, *usages: str) -> list[Preuve]:
        """Those whose message came."""
        return [p for p in self.modele.preuves if p.usage in usages and (p.code or p.lien)]

    # What many steps do

    def _connecter(self, saisie: str, mot: str, duree: str) -> None:
        vise = self.modele.designe(saisie)
        attendue = self.modele.connecter(saisie, mot, duree)
        demande = {"identifiant": saisie, "mot_de_passe": mot} | options(duree)
        reponse = verdict(attendue, self.appeler("POST", "/v1/sessions", demande, vise))
        if attendue[0] == 201:
            self.recue(self.modele.sessions[-1], reponse)

    def _rafraichir(self, session: Session, recul: int) -> None:
        rang = max(0, len(session.jetons) - 1 - recul)
        attendue = self.modele.rafraichir(session, rang)
        demande = {"jeton_rafraichissement": session.jetons[rang]}
        reponse = self.appeler("POST", "/v1/sessions/rafraichissements", demande, session.compte)
        verdict(attendue, reponse)
        if attendue[0] == 200:
            assert reponse.json()["jeton_rafraichissement"] not in session.jetons[: rang + 1]
            self.recue(session, reponse)
            # A lost answer is given again: the same child, no brother.
            assert len(session.jetons) == rang + 2

    # Messages

    def lever(self) -> None:
        """Everything due leaves; what a message brings goes to the proof it carries, and reaches nobody else."""
        if not self._(self.service.sql.fetchval(A_ENVOYER)):
            return
        messages: list[MessageRecu] = self._(self.service.messages())
        lignes = self._(self.service.sql.fetch(MESSAGES, [m.id for m in messages]))
        par_id = {ligne["id"]: ligne for ligne in lignes}
        for message in reversed(messages):
            ligne = par_id[message.id]
            compte = next(c for c in self.modele.comptes if c.id == str(ligne["compte_id"]))
            self._sans_indiscretion(message, compte)
            if ligne["modele"] == "diffusion":
                [(sortie, jeton)] = re.findall(r"/desinscription/(\w+)/([\w-]+)", message.texte)
                self.desinscriptions.setdefault(compte, {})[sortie] = jeton
            if ligne["jeton_id"]:
                self._remettre(message, compte, ligne)
        self._(vider_boite(self.service))
        assert all(p.code or p.lien for p in self.modele.preuves if self.modele.ouverte(p)), "a proof never left"

    def _sans_indiscretion(self, message: MessageRecu, compte: Compte) -> None:
        assert message.destination in self.destinations[compte.id]
        assert not any(canari.lower() in message.texte.lower() for canari in PERSONNES.values())
        for autre in self.modele.comptes:
            if autre is not compte and autre.etat in ("en_attente", "actif", "suspendu") and autre.identifiant in message.texte:
                assert autre.contacts["email"].verifie
                assert autre.contacts["email"].valeur == message.destination

    def _remettre(self, message: MessageRecu, compte: Compte, ligne: Any) -> None:
        cle = (compte, ligne["usage"], ligne["canal"], message.destination)
        siennes = [p for p in self.modele.preuves if (p.compte, p.usage, p.canal, p.destination) == cle]
        preuve = next((p for p in siennes if p.id == str(ligne["jeton_id"])), None)
        preuve = preuve or next(p for p in siennes if not p.id and p.sort == "ouverte")
        preuve.id = str(ligne["jeton_id"])
        codes = re.findall(r"(?<!\d)\d{6}(?!\d)", message.texte)
        lien = re.search(r"/(?:activation|mot-de-passe|annulation)#([\w-]+)", message.texte)
        if preuve.usage in ("activation", "contact", "mot_de_passe") and not preuve.sans_code:
            assert preuve.code in ("", codes[-1]), "the same proof, the same code"
            preuve.code = codes[-1]
        preuve.lien = lien[1] if lien else ""

    def aller(self, instant: datetime) -> None:
        self.modele.instant, self.arrive = instant, True
        self._(self.service.figer(instant))

    # After each step

    @invariant()
    def tout_concorde(self) -> None:
        self.lever()
        self._comptes_concordent()
        self._sessions_concordent()
        if not self.arrive:
            self.aller(self.modele.instant + SECONDE)
        self.arrive, self.pas = False, self.pas + 1

    def _comptes_concordent(self) -> None:
        vus = {str(ligne["id"]): ligne for ligne in self._(self.service.sql.fetch(ETATS))}
        attendus = {c.id: c for c in self.modele.comptes if c.etat != "supprime"}
        assert vus.keys() == attendus.keys()
        for id, compte in attendus.items():
            vu, attendu = dict(vus[id]), etats(compte)
            contacts = {"email": vu.pop("email"), "sms": vu.pop("sms")}
            vivantes = {str(s) for s in vu.pop("sessions")}
            assert vu["etat"] == compte.etat
            if compte.etat == "efface":
                assert (contacts, vivantes) == ({"email": None, "sms": None}, set())
                continue
            lus = {canal: json.loads(contact) for canal, contact in contacts.items()}
            vu |= {"contacts": {c: (v["valeur"], v["verifie"]) for c, v in lus.items()}, "diffusion": set(vu["diffusion"])}
            ecarts = {nom: (vu[nom], attendu[nom]) for nom in attendu if vu[nom] != attendu[nom]}
            assert not ecarts, f"seen, expected: {ecarts}"
            assert vivantes == self.vivantes(compte)
        self._registre_ne_fait_que_croitre()

    def _registre_ne_fait_que_croitre(self) -> None:
        lignes = {ligne["id"]: ligne["texte"] for ligne in self._(self.service.sql.fetch(REGISTRE))}
        restes = {str(c.id) for c in self.modele.comptes if c.etat != "supprime"}
        anciennes = {id: texte for id, texte in self.registre.items() if texte.split("|")[0] in restes}
        assert anciennes.items() <= lignes.items()
        self.registre = lignes
        for objet in ("cgu", "rgpd"):
            assert {t.split("|")[0] for t in lignes.values() if f"|{objet}|" in t} == restes

    def vivantes(self, compte: Compte) -> set[str]:
        return {s.id for s in self.modele.sessions if s.compte is compte and self.modele.vit(s)}

    def _sessions_concordent(self) -> None:
        en_cours = [s for s in self.modele.sessions if s not in self.finies]
        for session in {s.compte: s for s in en_cours}.values():
            self._acces_concordent(session.acces[-1:])
        for session in en_cours:
            if self.modele.vit(session):
                self.muettes.discard(session)
            elif session not in self.muettes:
                self.muettes.add(session)
                self._refusee_partout(session)
        self.finies.update(filter(self.modele.finie, en_cours))

    def _acces_concordent(self, acces: Sequence[Acces]) -> None:
        for a in acces:
            reponse = self.avec(a, "GET", "/v1/moi")
            verdict(self.modele.refus(a) or (200, None), reponse)
        if acces and not self.modele.refus(acces[-1]):
            self._se_voit(acces[-1], reponse.json())

    def _se_voit(self, acces: Acces, moi: dict[str, Any]) -> None:
        compte, contacts = acces.session.compte, {c["nature"]: c for c in moi["contacts"]}
        assert (moi["id"], moi["identifiant"]) == (compte.id, compte.identifiant)
        assert moi["profil"]["nom_naissance"] == PERSONNES[compte.personne]
        for canal, nature in (("email", "email"), ("sms", "telephone_mobile")):
            tenu = compte.contacts[canal]
            assert (contacts[nature]["valeur"], contacts[nature]["verifie"]) == (tenu.valeur, tenu.verifie)
        assert {liste for liste, voulue in moi["diffusion"].items() if voulue} == compte.diffusion
        assert moi["acceptations"]["cgu_a_reaccepter"] == (None if compte.cgu == self.modele.cgu else self.modele.cgu)
        assert moi["mot_de_passe_defini"] == (compte.mot_de_passe is not None)
        autres = self.avec(acces, "GET", "/v1/sessions").json()["sessions"]
        assert {s["id"] for s in autres} == self.vivantes(compte)
        assert [s["id"] for s in autres if s["courante"]] == [acces.session.id]

    def _refusee_partout(self, session: Session) -> None:
        """Every operation that the document tells needs a session refuses this one; so does going on."""
        for cible in _reservees():
            acces = session.acces[-1]
            corps = corps_de(cible, self.modele.cgu)
            reponse = self.avec(acces, cible.methode, cible.chemin(id=str(uuid4())), corps, **{"If-Match": "*"})
            assert reponse.status_code == 401, f"{cible}: {reponse.text}"
        for jeton in session.jetons[-2:]:
            reponse = self.appeler("POST", "/v1/sessions/rafraichissements", {"jeton_rafraichissement": jeton})
            verdict((401, "session_finie"), reponse)

    def teardown(self) -> None:
        """At the end of each life: what is dead stays dead, whoever may sign in does, and by the present password alone."""
        if not self.modele.comptes:
            return
        for session in self.modele.sessions:
            if self.modele.finie(session):
                self._acces_concordent(session.acces)
        for preuve in list(self.modele.preuves):
            if preuve.lien and not self.modele.ouverte(preuve) and preuve.usage.startswith("annulation"):
                verdict(self.modele.annuler(preuve), self.appeler("POST", "/v1/annulations", {"jeton": preuve.lien}))
        for compte in self.modele.comptes:
            for mot in MOTS_DE_PASSE:
                self._connecter(compte.identifiant, mot, "ordinaire")
            self._connecter(compte.contacts["email"].valeur, compte.mot_de_passe or FAUX, "ordinaire")
        self.tout_concorde()


def parmi(choix: Sequence[T], n: int, plutot: Callable[[T], object] = bool) -> T:
    """The newest for 0, then back in time; `plutot` come before the others."""
    return sorted(choix, key=lambda c: bool(plutot(c)))[-1 - n % len(choix)]


def verdict(attendue: Reponse, reponse: httpx.Response) -> httpx.Response:
    """What the model says and what the API answers are one."""
    vue = reponse.status_code, reponse.json()["code"] if reponse.status_code >= 400 else None
    assert vue == attendue, f"{reponse.request.method} {reponse.request.url.path}: {vue}, expected {attendue}"
    return reponse


def entre(compte: Compte) -> bool:
    """Whether its password opens a session."""
    return compte.vivant and compte.mot_de_passe is not None


def etats(compte: Compte) -> dict[str, Any]:
    """What of an account can be seen from outside."""
    effacee = compte.etat == "efface"
    return {
        "etat": compte.etat,
        "identifiant": None if effacee else compte.identifiant,
        "effacement_prevu": compte.effacement_le is not None,
        "mot_de_passe_defini": compte.mot_de_passe is not None,
        "contacts": {} if effacee else {canal: (c.valeur, c.verifie) for canal, c in compte.contacts.items()},
        "diffusion": compte.diffusion,
        "cgu": compte.cgu,
    }


def instant(texte: str) -> datetime:
    return datetime.fromisoformat(texte)


def options(duree: str) -> dict[str, bool]:
    return {} if duree == "ordinaire" else {duree: True}


def corps_de(cible: Cible, cgu: str) -> Any:
    """A valid body; right too where something is judged before the session."""
    if cible.gabarit == "/v1/moi/acceptations":
        return {"cgu": {"accepte": True, "version": cgu}}
    return cible.corps[0] if cible.corps else None


@cache
def _reservees() -> list[Cible]:
    """The operations that ask for a session, as the document tells."""
    return [c for c in cibles(le_document()) if c.acces == "jetonAcces"]


async def vider(service: Service) -> None:
    """As if nobody had ever signed up. The ledger's own guard is lifted for it, by the owner of the schema."""
    tables = await service.sql.fetch(
        """
        select tablename from pg_tables
         where schemaname = 'public' and tablename not in ('alembic_version', 'documents_juridiques')
        """
    )
    ordres = [f"delete from {t['tablename']}" for t in tables]  # noqa: S608  (names of tables)
    async with service.sql.transaction():
        await service.sql.execute("set local session_replication_role = replica")
        await service.sql.execute(";".join(ordres))
        await service.sql.execute("delete from documents_juridiques where version <> $1", VERSION)
    await vider_boite(service)


async def vider_boite(service: Service) -> None:
    for fichier in (Path(service.settings.data_dir) / "messages").glob("*.json"):
        fichier.unlink()
