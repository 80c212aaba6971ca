"""The families of use cases, built from the ports. What stands behind each port is not known here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from app.usecases import CasUtilisation
from app.usecases.activations import Activations
from app.usecases.appel import Rejeux
from app.usecases.apports import Apports
from app.usecases.consentements import Consentements
from app.usecases.contacts import Contacts
from app.usecases.depart import Depart
from app.usecases.federations import Federations
from app.usecases.identifiants import Identifiants
from app.usecases.inscriptions import Inscriptions
from app.usecases.moi import Moi, Titres
from app.usecases.preuves import Ouvreur, Preuves
from app.usecases.rattachements import Rattachements
from app.usecases.recuperations import Recuperations
from app.usecases.sessions import Sessions
from domain.federation import Fournisseur, FournisseurIdentite
from domain.jetons import Trousseau
from domain.limites import Regulateur
from domain.outils import Formats, Outils
from domain.ports import (
    Coffre,
    Connexions,
    DepotRecuperations,
    Disponibilites,
    Documents,
    Dossier,
    Hacheur,
    Idempotence,
    JetonsAcces,
    Signaux,
    Systeme,
)
from domain.transaction import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What the use cases need of the world, and of the operator."""

    store: Store
    dossier: Dossier
    documents: Documents
    disponibilites: Disponibilites
    connexions: Connexions
    idempotence: Idempotence
    depot: DepotRecuperations
    hacheur: Hacheur
    jetons_acces: JetonsAcces
    formats: Formats
    signaux: Signaux
    systeme: Systeme
    trousseau: Trousseau
    regulateur: Regulateur
    fournisseurs: Mapping[Fournisseur, FournisseurIdentite]
    coffre: Coffre
    retours: Sequence[str]
    outils: Callable[[], Outils]
    titres: Titres


def assembler(p: Ports) -> CasUtilisation:
    rejeux = Rejeux(p.idempotence, p.trousseau, p.systeme)
    ouvreur, preuves = Ouvreur(p.trousseau, p.regulateur, p.systeme), Preuves(p.store, p.trousseau)
    identifiants = Identifiants(p.disponibilites, p.formats, p.regulateur)
    sessions = Sessions(
        store=p.store,
        connexions=p.connexions,
        dossier=p.dossier,
        hacheur=p.hacheur,
        formats=p.formats,
        systeme=p.systeme,
        trousseau=p.trousseau,
        regulateur=p.regulateur,
        jetons_acces=p.jetons_acces,
    )
    consentements = Consentements(
        store=p.store,
        dossier=p.dossier,
        documents=p.documents,
        preuves=preuves,
        ouvreur=ouvreur,
        trousseau=p.trousseau,
        regulateur=p.regulateur,
        outils=p.outils,
    )
    moi = Moi(
        store=p.store,
        dossier=p.dossier,
        disponibilites=p.disponibilites,
        hacheur=p.hacheur,
        sessions=sessions,
        identifiants=identifiants,
        consentements=consentements,
        regulateur=p.regulateur,
        outils=p.outils,
        titres=p.titres,
    )
    contacts = Contacts(
        store=p.store,
        sessions=sessions,
        preuves=preuves,
        ouvreur=ouvreur,
        rejeux=rejeux,
        regulateur=p.regulateur,
        outils=p.outils,
    )
    rattachements = Rattachements(p.store, consentements, p.outils)
    federations = Federations(
        store=p.store,
        fournisseurs=p.fournisseurs,
        retours=p.retours,
        sessions=sessions,
        rattachements=rattachements,
        coffre=p.coffre,
        trousseau=p.trousseau,
        regulateur=p.regulateur,
        systeme=p.systeme,
        outils=p.outils,
    )
    return CasUtilisation(
        inscriptions=Inscriptions(
            store=p.store,
            documents=p.documents,
            disponibilites=p.disponibilites,
            hacheur=p.hacheur,
            formats=p.formats,
            signaux=p.signaux,
            systeme=p.systeme,
            trousseau=p.trousseau,
            regulateur=p.regulateur,
            rejeux=rejeux,
            identifiants=identifiants,
            ouvreur=ouvreur,
            apports=Apports(p.store, p.coffre, p.trousseau, p.outils),
        ),
        activations=Activations(p.store, preuves, p.regulateur, rejeux, ouvreur),
        identifiants=identifiants,
        sessions=sessions,
        recuperations=Recuperations(
            store=p.store,
            depot=p.depot,
            preuves=preuves,
            rejeux=rejeux,
            regulateur=p.regulateur,
            hacheur=p.hacheur,
            formats=p.formats,
            systeme=p.systeme,
            trousseau=p.trousseau,
            outils=p.outils,
        ),
        moi=moi,
        contacts=contacts,
        consentements=consentements,
        depart=Depart(
            store=p.store,
            dossier=p.dossier,
            sessions=sessions,
            moi=moi,
            contacts=contacts,
            preuves=preuves,
            ouvreur=ouvreur,
            regulateur=p.regulateur,
            systeme=p.systeme,
        ),
        federations=federations,
        rattachements=rattachements,
    )
