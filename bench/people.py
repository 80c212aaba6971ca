"""Accounts that are there already, with their sessions: written directly, for so many hashes would take minutes.

Tokens are made as the service makes them, from the same keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any, Literal
from uuid import UUID, uuid4

import asyncpg
from joserfc.jwk import ECKey
from msgspec import Struct
from nacl.pwhash import argon2id

from adapters.jetons_acces import JoseJetonsAcces
from adapters.system import RealSystem
from bench.bare import signed
from domain.jetons import Trousseau, empreinte_rafraichissement
from domain.session import Porteur

PASSWORD = "Tulipe!73orage"
# The parameters of the service, and of the bare one.
HASH = argon2id.str(PASSWORD.encode(), opslimit=2, memlimit=19456 * 1024).decode()
State = Literal["en_attente", "actif", "suspendu"]

_COMPTES = """
    insert into comptes (id, identifiant, profil, empreinte_mdp, langue, expire_le, etat, active_le, vu_le)
    select id, identifiant,
           jsonb_build_object('type', 'citoyen', 'civilite', 'madame', 'nom_naissance', 'Martin', 'nom_usage', null,
                              'prenom', 'Jeanne', 'date_naissance', '1990-01-01'),
           $3, 'fr', horloge() + interval '7 days', $4, case when $4 <> 'en_attente' then horloge() end, horloge()::date
      from unnest($1::uuid[], $2::text[]) u (id, identifiant)
"""
_CONTACTS = """
    insert into contacts (compte_id, nature, valeur, recoit_sms, verifie_le)
    select id, nature, valeur, nature = 'telephone_mobile', case when nature = 'email' and $3 then horloge() end
      from unnest($1::uuid[], $2::text[]) u (id, email),
           lateral (values ('email', email), ('telephone_mobile', '+33639980001'), ('telephone_fixe', '+33139980101'))
             c (nature, valeur)
"""
# As a sign-up leaves them: what was accepted, what was read, and four choices.
_ACTES = """
    insert into actes_juridiques (compte_id, nature, objet, valeur, document_code, document_version, document_sha256, langue,
                                  requete_id)
    select id, nature, objet, nature <> 'consentement', code, version, sha256, 'fr', 'bench'
      from unnest($1::uuid[]) u (id),
           (values ('acceptation', 'cgu', 'cgu'), ('prise_de_connaissance', 'rgpd', 'rgpd'),
                   ('consentement', 'diffusion.email', 'rgpd'), ('consentement', 'diffusion.sms', 'rgpd'),
                   ('consentement', 'diffusion.lettre_actualite', 'rgpd'), ('consentement', 'diffusion.alertes', 'rgpd'))
             a (nature, objet, code)
      join documents_juridiques using (code)
"""
_SESSIONS = """
    insert into sessions (id, compte_id, empreinte, inactivite, appareil_partage, expire_le, fin_le)
    select id, compte, empreinte, interval '12 hours', false, horloge() + interval '12 hours',
           horloge() + interval '12 hours'
      from unnest($1::uuid[], $2::uuid[], $3::bytea[]) u (id, compte, empreinte)
"""
_BARE_COMPTES = """
    insert into comptes (identifiant, email, empreinte) select identifiant, identifiant || '@exemple.fr', $2
      from unnest($1::text[]) u (identifiant) returning id
"""
_BARE_SESSIONS = """
    insert into sessions (empreinte, compte_id, expire_le)
    select empreinte, compte, now() + interval '12 hours' from unnest($1::bytea[], $2::bigint[]) u (empreinte, compte)
"""


class Person(Struct, frozen=True, kw_only=True):
    """`acces`: access tokens, all good. `rafraichissement`: of a session nobody has refreshed."""

    identifiant: str
    acces: list[str]
    rafraichissement: str


async def settle(
    base: asyncpg.Connection[Any],
    names: Sequence[str],
    *,
    emails: Sequence[str] | None = None,
    state: State = "actif",
    hash_: str | None = HASH,
    proven: bool = True,
) -> list[UUID]:
    """Accounts of these names. `emails`: one each, proven or not; of their own unless told."""
    ids = [uuid4() for _ in names]
    await base.execute(_COMPTES, ids, names, hash_, state)
    await base.execute(_CONTACTS, ids, emails or [f"{name}@exemple.fr" for name in names], proven)
    await base.execute(_ACTES, ids)
    return ids


async def signed_in(
    base: asyncpg.Connection[Any], names: Sequence[str], tokens: int, trousseau: Trousseau, origin: str
) -> list[Person]:
    """Active accounts of the service, a session each; `tokens`: access tokens of each session."""
    jetons = JoseJetonsAcces(trousseau, RealSystem(), origin)
    porteurs = [Porteur(id_, uuid4()) for id_ in await settle(base, names)]
    refresh = [trousseau.rafraichissement(p.session_id, 0) for p in porteurs]
    digests = [empreinte_rafraichissement(token) for token in refresh]
    await base.execute(_SESSIONS, [p.session_id for p in porteurs], [p.compte_id for p in porteurs], digests)
    return [
        Person(identifiant=name, acces=[jetons.signer(p, 3600) for _ in range(tokens)], rafraichissement=token)
        for name, p, token in zip(names, porteurs, refresh, strict=True)
    ]


async def bare_signed_in(base: asyncpg.Connection[Any], names: Sequence[str], tokens: int, key: ECKey) -> list[Person]:
    """The same of the bare service."""
    ids = [ligne["id"] for ligne in await base.fetch(_BARE_COMPTES, names, HASH)]
    refresh = [token_urlsafe(32) for _ in ids]
    await base.execute(_BARE_SESSIONS, [sha256(token.encode()).digest() for token in refresh], ids)
    return [
        Person(identifiant=name, acces=[signed(key, id_, 3600) for _ in range(tokens)], rafraichissement=token)
        for name, id_, token in zip(names, ids, refresh, strict=True)
    ]
