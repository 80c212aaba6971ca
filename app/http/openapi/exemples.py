"""An example of each body, made from the schemas: their own examples where they have some, else what stands here by name."""

from __future__ import annotations

from typing import Any

_ABSENT = object()
_ID = "0198f1c6-5a7e-7c3b-9d2f-4b8a1e6c7d90"
# Nobody's, all of them.
_JETON = "AZjxxlp-fDudL0uKHmx9kA.b5Jm2Vw8Qx4Rk7Tn1Yc9Lz3Hd6Fg0Ps5Aa7Bq1Ue3Wi"
_JWT = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImsxIiwidHlwIjoiYXQrand0In0.eyJzdWIiOiIwMTk4ZjFjNiJ9.c2lnbmF0dXJl"
_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_LISTES = {"email": True, "sms": False, "lettre_actualite": True, "alertes": False}
_PROVENANCES = {
    "/profil/nom_naissance": {"source": "franceconnect", "verifie": True, "verrouille": True},
    "/profil/nom_usage": {"source": "declaration", "verifie": False, "verrouille": False},
}
_COURRIEL = "i•••@exemple.fr"

# By type, by type and field, by field: what the schema leaves to be guessed.
_VALEURS: dict[str, Any] = {
    "ActeVue.valeur": True,
    "ActiviteVue.titre": "Connexion",
    "ActiviteVue.nature": "connexion",
    "AssociationModifiee": {"type": "association", "objet": "Entretien des berges du canal"},
    "Diffusion": _LISTES,
    "DiffusionChoisie": _LISTES,
    "DiffusionVue.accord_parental": None,
    "ChoixDiffusion": _LISTES | {"email_representant_legal": None},
    "CitoyenModifie": {"type": "citoyen", "nom_usage": "Le Goff"},
    "ClePublique.x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "ClePublique.y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    "ConfirmationRecuperation.jeton": None,
    "ContactVue.recoit_sms": False,
    "ContactVue.verrouille": False,
    "ConseilVu.code": "ameli",
    "ConseilVu.lien": "https://www.ameli.fr/",
    "ConseilVu.nom": "Ameli",
    "DemandeAcceptations.cgu": {"accepte": True, "version": "2026-11"},
    "DemandeAcceptations.rgpd": None,
    "DemandeContact.mot_de_passe": "Tulipe!73orage",
    "DemandeEchange.code": _JETON,
    "DemandeEffacement.mot_de_passe": "Tulipe!73orage",
    "DemandeEvaluation.contexte": {"prenom": "Inès", "nom_naissance": "Dupont", "date_naissance": "2000-01-01"},
    "DemandeInscription.jeton_identite": None,
    "DemandeRecuperation.identifiant": "ines.dupont",
    "DemandeSession.jeton_appareil": None,
    "DetailsActivite": {"agent": "Firefox 145 (Linux)", "adresse": "203.0.113.7"},
    "Disponibilite.disponible": False,
    "Disponibilite.motif": "pris",
    "EntrepriseModifiee": {"type": "entreprise", "code_naf": "62.01Z"},
    "FournisseurVu.lien": "https://www.ameli.fr/",
    "FournisseurVu.nom": "Ameli",
    "IdentiteAttachee.sub": "b6048e95bb134ec5b1d1e1fa69f287172e91722b9354d637a1bcf2ebb0fd2ef5v1",
    "MessageEnvoye.etat": "envoye",
    "MessageEnvoye.modele": "activation",
    "ModificationMoi.langue": _ABSENT,
    "ModificationMoi.telephone_fixe": _ABSENT,
    "PreconditionVue.code": "nir_1_ou_2",
    "PreconditionVue.explication": "FranceConnect retrouve votre identité au répertoire national (RNIPP).",
    "PreconditionVue.libelle": "Posséder un numéro de sécurité sociale commençant par 1 ou 2",
    "Preremplissage.email": "ines@exemple.fr",
    "ProfilConnu": {
        "type": "citoyen",
        "civilite": "madame",
        "nom_naissance": "Dupont",
        "nom_usage": "Le Goff",
        "prenom": "Inès",
        "date_naissance": "2000-01-01",
    },
    "ProfilResume.type": "citoyen",
    "ProfilResume.libelle": "Citoyen",
    "ReglesSession.jeton_acces": 600,
    "RegleVue.message": "8 caractères",
    "SourceVue.titre": "Liste des fournisseurs d'identité",
    "accord_parental": None,
    "adresse": "203.0.113.7",
    "agent": "Firefox 145 (Linux)",
    "alternatives": ["idupont", "dupont.ines"],
    "appareil_partage": False,
    "cgu": "2026-11",
    "cgu_a_reaccepter": None,
    "code": "cgu",
    "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    "cookie": False,
    "deja_active": False,
    "destination": _COURRIEL,
    "document": "cgu",
    "documents": {"cgu": "2026-11", "rgpd": "2026-11"},
    "effacement_le": "2026-11-28T09:30:00Z",
    "emetteur": "https://fcp.integ01.dev-franceconnect.fr/api/v2",
    "etat": "en_attente",
    "expire_le": "2026-11-21T09:40:00Z",
    "fin_le": "2026-11-21T21:30:00Z",
    "genre": "compte",
    "id": _ID,
    "identifiant": "ines.dupont",
    "jeton": _JETON,
    "jeton_acces": _JWT,
    "jeton_appareil": _JETON,
    "jeton_identite": _JETON,
    "jeton_rafraichissement": _JETON,
    "kid": "k1",
    "langue": "fr",
    "libelle": "Avoir une carte Vitale",
    "listes": ["email", "lettre_actualite"],
    "livraison": "en_file",
    "motif": "pris",
    "niveau": "fort",
    "nom": "Dupont",
    "objet": "cgu",
    "obtention": "Créez un compte sur ameli.fr, avec votre numéro de sécurité sociale.",
    "organisation": None,
    "preuves": ["mot_de_passe", "recuperation"],
    "profil": "citoyen",
    "provenances": _PROVENANCES,
    "reference": "https://franceconnect.gouv.fr/",
    "remarque": None,
    "rester_connecte": False,
    "retour": "https://portail.exemple.fr/connexion",
    "revendications": {"given_name": "Inès", "given_name_array": ["Inès"], "family_name": "Dupont", "birthdate": "2000-01-01"},
    "rgpd": "2026-11",
    "sans_franceconnect": "FranceConnect est facultatif : vous pouvez toujours vous inscrire ici sans lui.",
    "schema": "/v1/profils/citoyen",
    "secret": _JETON,
    "service": "Comptoir",
    "session_expire_le": "2026-11-21T10:00:00Z",
    "session_fin_le": "2026-11-21T21:30:00Z",
    "sha256": _SHA256,
    "suggestions": ["ines.dupont2", "ines.dupont.fr"],
    "suivant": "M547361765G",
    "texte": "# Conditions générales d'utilisation\n\n…",
    "titre": "Conditions générales d'utilisation",
    "url": "https://fcp.integ01.dev-franceconnect.fr/api/v2/authorize?…",
    "valeur": "ines@exemple.fr",
    "version": "2026-11",
}
_PAR_FORME: dict[str, Any] = {
    "boolean": True,
    "date": "2026-11-01",
    "date-time": "2026-11-21T09:30:00Z",
    "integer": 5,
    # What is still to be given an example: a test tells of it.
    "object": {},
    "string": "?",
    "uuid": _ID,
}


def exemples(schema: dict[str, Any], schemas: dict[str, dict[str, Any]], *, saisi: bool) -> dict[str, Any]:
    """One, or one for each variant of the union that it is; for a request, of the one it holds too."""
    variantes = _variantes(schema, schemas) if saisi or "discriminator" in schema else []
    return {nom: _exemple(schema, schemas, nom) for nom in variantes or ["exemple"]}


def _variantes(schema: dict[str, Any], schemas: dict[str, dict[str, Any]]) -> list[str]:
    if "discriminator" in schema:
        return list(schema["discriminator"]["mapping"])
    if "$ref" in schema:
        return _variantes(schemas[_nom(schema)], schemas)
    return next((v for fils in schema.get("properties", {}).values() if (v := _variantes(fils, schemas))), [])


def _exemple(schema: dict[str, Any], schemas: dict[str, dict[str, Any]], variante: str) -> Any:
    if "discriminator" in schema:
        choix = schema["discriminator"]["mapping"]
        return _exemple({"$ref": choix.get(variante) or next(iter(choix.values()))}, schemas, variante)
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        nom = _nom(schema)
        return _VALEURS[nom] if nom in _VALEURS else _objet(nom, schemas, variante)
    if "anyOf" in schema:
        return _exemple(schema["anyOf"][0], schemas, variante)
    if schema.get("type") == "array":
        return [_exemple(schema["items"], schemas, variante)]
    return schema["const"] if "const" in schema else schema["enum"][0] if "enum" in schema else _PAR_FORME[_forme(schema)]


def _objet(nom: str, schemas: dict[str, dict[str, Any]], variante: str) -> dict[str, Any]:
    membres = {
        champ: _VALEURS[f"{nom}.{champ}"] if f"{nom}.{champ}" in _VALEURS else _membre(champ, schema, schemas, variante)
        for champ, schema in schemas[nom]["properties"].items()
    }
    return {champ: valeur for champ, valeur in membres.items() if valeur is not _ABSENT}


def _membre(champ: str, schema: dict[str, Any], schemas: dict[str, dict[str, Any]], variante: str) -> Any:
    """What its schema says for certain, then its name if it can be that, then any of what it may be."""
    nomme = champ in _VALEURS and not schema.keys() & {"examples", "const", "$ref", "discriminator"}
    if nomme and _VALEURS[champ] in schema.get("enum", [_VALEURS[champ]]):
        return _VALEURS[champ]
    return _exemple(schema, schemas, variante)


def _forme(schema: dict[str, Any]) -> str:
    type_ = schema["type"]
    return str(schema.get("format") or (type_ if isinstance(type_, str) else type_[0]))


def _nom(schema: dict[str, Any]) -> str:
    return str(schema["$ref"].rpartition("/")[2])
