"""What people see: from `/authorize` to the way back, one page a step, and the way out."""

from __future__ import annotations

from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlencode

from litestar import HttpMethod, Request, Response, get, post, route
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.simulateur.demande import Demande, RefusPage, RefusRetour, lire
from app.simulateur.fournisseur import Fournisseur, Visite
from app.simulateur.pages import page
from app.simulateur.personnes import MOT_DE_PASSE
from app.simulateur.protocole import Requete, champs_de
from app.simulateur.regles import LIBELLES

COOKIE = "simulateur_navigateur"


@route("/authorize", http_method=[HttpMethod.GET, HttpMethod.POST], status_code=303)
async def autoriser(request: Requete, op: NamedDependency[Fournisseur]) -> Response[None]:
    try:
        demande = lire(op.regles, op.clients, await champs_de(request))
    except RefusRetour as refus:
        return _vers(op.adresse_retour(refus.demande, error=refus.erreur, error_description=refus.description))
    if op.banc.pannes.erreur_retour:
        return _vers(op.adresse_retour(demande, error=op.banc.pannes.erreur_retour, error_description="ordered"))
    navigateur = _navigateur(request) or token_urlsafe(32)
    adresse = _adresse(op, demande, navigateur)
    return _vers(adresse, Cookie(key=COOKIE, value=navigateur, path="/", httponly=True, samesite="lax"))


def _adresse(op: Fournisseur, demande: Demande, navigateur: str) -> str:
    """The first page, or nothing to see when the service asked for silence."""
    uid, visite = op.ouvrir(demande, navigateur)
    if "none" not in demande.prompts:
        return f"{op.emetteur}/interaction/{uid}"
    if visite.connexion:
        return op.conclure(visite)
    return op.adresse_retour(demande, error="login_required", error_description="End-User authentication is required")


@get("/interaction/{uid:str}")
async def etape(request: Requete, uid: FromPath[str], op: NamedDependency[Fournisseur]) -> Response[Any]:
    visite = op.visite(uid, _navigateur(request))
    if visite.fin:
        return _vers(visite.fin)
    if visite.refus:
        return page("refus.html", op.regles, 400, visite=visite, uid=uid)
    if visite.connexion:
        return page("information.html", op.regles, visite=visite, uid=uid, donnees=_donnees(op, visite))
    if visite.idp:
        return page("connexion.html", op.regles, visite=visite, uid=uid, mot_de_passe=MOT_DE_PASSE)
    return page("choix.html", op.regles, visite=visite, uid=uid)


def _donnees(op: Fournisseur, visite: Visite) -> list[str]:
    """What the service will receive, in a person's words and in the order of an identity card."""
    recues = {nom for scope in visite.demande.scopes for nom in op.regles.scopes.get(scope, ())}
    return list(dict.fromkeys(libelle for nom, libelle in LIBELLES.items() if nom in recues))


@post("/interaction/{uid:str}/fournisseur", status_code=303)
async def choisir(request: Requete, uid: FromPath[str], op: NamedDependency[Fournisseur]) -> Response[None]:
    """An unknown or empty choice goes back to the list."""
    visite = op.visite(uid, _navigateur(request))
    visite.idp = op.regles.fournisseurs.get(dict(await champs_de(request)).get("idp", ""))
    return _vers(f"{op.emetteur}/interaction/{uid}")


@post("/interaction/{uid:str}/connexion", status_code=303)
async def connecter(request: Requete, uid: FromPath[str], op: NamedDependency[Fournisseur]) -> Response[Any]:
    visite = op.visite(uid, _navigateur(request))
    saisie = dict(await champs_de(request))
    personne = op.regles.personnes.get(saisie.get("login", "").strip())
    if visite.idp is None:
        return _vers(f"{op.emetteur}/interaction/{uid}")
    if personne is None or saisie.get("mot_de_passe") != MOT_DE_PASSE:
        fautes = {"faute": True, "login": saisie.get("login", "")}
        return page("connexion.html", op.regles, 401, visite=visite, uid=uid, mot_de_passe=MOT_DE_PASSE, **fautes)
    op.connecter(visite, visite.idp, personne)
    return _vers(f"{op.emetteur}/interaction/{uid}")


@post("/interaction/{uid:str}/suite", status_code=303)
async def continuer(request: Requete, uid: FromPath[str], op: NamedDependency[Fournisseur]) -> Response[None]:
    return _vers(op.conclure(op.visite(uid, _navigateur(request))))


@get("/interaction/{uid:str}/autre", status_code=303)
async def changer(request: Requete, uid: FromPath[str], op: NamedDependency[Fournisseur]) -> Response[None]:
    op.changer(op.visite(uid, _navigateur(request)))
    return _vers(f"{op.emetteur}/interaction/{uid}")


@get("/interaction/{uid:str}/retour", status_code=303)
async def renoncer(request: Requete, uid: FromPath[str], op: NamedDependency[Fournisseur]) -> Response[None]:
    return _vers(op.renoncer(op.visite(uid, _navigateur(request))))


@get("/session/end")
async def deconnecter(request: Requete, op: NamedDependency[Fournisseur]) -> Response[Any]:
    """The id_token may have expired long ago. Other services' own sessions are not ended."""
    champs = dict(await champs_de(request))
    if manquants := {nom for nom in op.regles.deconnexion if not champs.get(nom)}:
        raise RefusPage(op.regles.code_requete, f"paramètres absents : {', '.join(sorted(manquants))}")
    indice = op.cles.relire(champs["id_token_hint"])
    client = op.clients.get(str(indice.get("aud"))) if indice else None
    if client is None:
        raise RefusPage(op.regles.code_requete, "id_token_hint n'a pas été émis ici")
    apres = champs.get("post_logout_redirect_uri", "")
    if apres and apres not in client.apres_deconnexion:
        raise RefusPage("Y030111", "post_logout_redirect_uri absente de celles que le service a déclarées")
    op.deconnecter(_navigateur(request))
    if not apres:
        return page("deconnexion.html", op.regles)
    etat = {"state": champs["state"]} if champs.get("state") else {}
    return _vers(f"{apres}{'&' if '?' in apres else '?'}{urlencode(etat)}" if etat else apres)


def refuser(request: Request[Any, Any, Any], refus: RefusPage) -> Response[str]:
    op: Fournisseur = request.route_handler.opt["op"]
    return page("erreur.html", op.regles, 400, refus=refus)


def _navigateur(request: Requete) -> str:
    return request.cookies.get(COOKIE, "")


def _vers(adresse: str, cookie: Cookie | None = None) -> Response[None]:
    entetes = {"Location": adresse, "Cache-Control": "no-store"}
    return Response(None, status_code=303, headers=entetes, cookies=[cookie] if cookie else [])
