"""Failed sign-ins: counted before anybody compares, given back by a success; exact under concurrency, whoever serves."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    # Five free, then one every 1, 2, 4, 8, 15 minutes; twenty-five in any 24 hours (G-01). An attempt that is held back
    # does not count: hammering a name does not keep its holder out any longer.
    op.execute(
        """
        create function freiner(p_cle bytea) returns boolean language plpgsql set enable_seqscan = off as $$
        declare
          v_jour constant interval := interval '24 hours';
        begin
          insert into limites as l (cle, instants, expire_le)
          values (p_cle, array[horloge()], date_trunc('hour', horloge()) + v_jour + interval '1 hour')
          on conflict (cle) do update
            set instants = array(select i from unnest(l.instants) i where i > horloge() - v_jour order by i) || horloge(),
                expire_le = excluded.expire_le
            where (select count(*) < 5 or count(*) < 25
                          and max(i) <= horloge() - least(interval '15 minutes', interval '1 minute' * 2 ^ (count(*) - 5))
                     from unnest(l.instants) i where i > horloge() - v_jour);
          return found;
        end
        $$
        """
    )
    # Null: the address, or everybody together, has failed too often; otherwise whether this account may be tried now.
    op.execute(
        """
        create function tenter_connexion(
          p_frein bytea, p_cles bytea[], p_nombres integer[], p_secondes integer[],
          out permis boolean, out attendre double precision
        ) language plpgsql as $$
        begin
          perform set_config('synchronous_commit', 'off', true);
          if cardinality(p_cles) > 0 then
            attendre := depenser(p_cles, p_nombres, p_secondes);
          end if;
          permis := attendre is null and (p_frein is null or freiner(p_frein));
        end
        $$
        """
    )
    # Rows are held in one order, the order in which `depenser` takes them.
    op.execute(
        """
        create function rendre(p_frein bytea, p_cles bytea[]) returns void language plpgsql set enable_seqscan = off as $$
        begin
          delete from limites where cle = p_frein;
          if cardinality(p_cles) > 0 then
            perform from limites where cle = any (p_cles) order by cle for update;
            update limites set instants = instants[1 : cardinality(instants) - 1], nombre = greatest(0, nombre - 1)
             where cle = any (p_cles);
          end if;
        end
        $$
        """
    )
    # A success is not undone by a crash that forgets what it gave back.
    op.execute(
        """
        create function rendre_sans_attendre(p_frein bytea, p_cles bytea[]) returns void language plpgsql as $$
        begin
          perform set_config('synchronous_commit', 'off', true);
          perform rendre(p_frein, p_cles);
        end
        $$
        """
    )


def downgrade() -> None:
    op.execute("drop function rendre_sans_attendre(bytea, bytea[])")
    op.execute("drop function rendre(bytea, bytea[])")
    op.execute("drop function tenter_connexion(bytea, bytea[], integer[], integer[])")
    op.execute("drop function freiner(bytea)")
