"""An account keeps so many live sessions: the one that opens ends those that were used least recently."""

from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    # A function, for its own look: the statement that opens has waited for the account's row, and would not see what whoever
    # held it has opened.
    op.execute(
        """
        create function borner_sessions(p_neuve uuid, p_compte uuid, p_autres integer) returns void language plpgsql
        set enable_seqscan = off as $$
        begin
          update sessions set terminee_le = horloge(), motif = 'nombre'
           where id in (select id from sessions
                         where compte_id = p_compte and terminee_le is null and expire_le > horloge() and id <> p_neuve
                         order by tournee_le desc offset p_autres);
        end
        $$
        """
    )


def downgrade() -> None:
    op.execute("drop function borner_sessions(uuid, uuid, integer)")
