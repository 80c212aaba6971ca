"""FranceConnect and ProConnect: passages on their way, identities attached, and what signing out of the provider needs."""

from alembic import op

revision = "0014"
down_revision = "0013"


# What erasing an account deletes, beside what 0013 did.
_SUPPLEMENT = """delete from identites_federees where compte_id = p_id;
          delete from passages where compte_id = p_id;
          """
_AVANT = "delete from sessions where compte_id = p_id;"


def _effacement(avant: str, apres: str) -> None:
    """The function again, with another beginning of its deletions."""
    op.execute(
        f"""
        do $do$ begin
          execute replace(pg_get_functiondef('effacer_compte(uuid, interval)'::regprocedure), $t${avant}$t$, $t${apres}$t$);
        end $do$
        """
    )


def upgrade() -> None:
    # No secret in it: state, nonce and our own code are derived from the id. What came back is encrypted, for minutes.
    op.execute(
        """
        create table passages (
          id uuid primary key,
          fournisseur text not null
            constraint passages_fournisseur_connu check (fournisseur in ('franceconnect', 'proconnect')),
          intention text not null
            constraint passages_intention_connue check (intention in ('connexion', 'inscription', 'rattachement')),
          retour text not null,
          defi text not null,
          compte_id uuid references comptes on delete cascade,
          session_id uuid,
          identite bytea,
          cree_le timestamptz not null default horloge(),
          expire_le timestamptz not null,
          revenu_le timestamptz,
          echange_le timestamptz,
          depense_le timestamptz,
          constraint passages_rattachement check ((intention = 'rattachement') = (compte_id is not null))
        )
        """
    )
    op.execute("create index passages_perimes on passages (expire_le)")
    op.execute("create index passages_par_compte on passages (compte_id) where compte_id is not null")
    op.execute(
        """
        create table identites_federees (
          emetteur text not null,
          sub text not null,
          compte_id uuid not null references comptes on delete cascade,
          fournisseur text not null
            constraint identites_fournisseur_connu check (fournisseur in ('franceconnect', 'proconnect')),
          revendications jsonb not null,
          empreinte_pivot bytea,
          jeton_identite bytea,
          rattachee_le timestamptz not null default horloge(),
          vue_le timestamptz not null default horloge(),
          primary key (emetteur, sub)
        )
        """
    )
    op.execute("create index identites_par_compte on identites_federees (compte_id)")
    op.execute("create index identites_par_pivot on identites_federees (empreinte_pivot) where empreinte_pivot is not null")
    op.execute("alter table sessions add column fournisseur text, add column jeton_identite bytea")
    _effacement(_AVANT, _SUPPLEMENT + _AVANT)


def downgrade() -> None:
    _effacement(_SUPPLEMENT + _AVANT, _AVANT)
    op.execute("alter table sessions drop column jeton_identite, drop column fournisseur")
    op.execute("drop table identites_federees")
    op.execute("drop table passages")
