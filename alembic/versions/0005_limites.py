"""Sliding windows: the instants of the last requests, by keyed digest, and the one function that spends them."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    # `instants` in ascending order, for limits small enough to keep them; a bare count of the current period for the others.
    # `expire_le` is rounded to the hour so that most updates touch no index.
    op.execute(
        """
        create table limites (
          cle bytea primary key,
          instants timestamptz[] not null default '{}',
          periode timestamptz not null default '-infinity',
          nombre integer not null default 0,
          expire_le timestamptz not null default 'infinity'
        ) with (fillfactor = 70)
        """
    )
    op.execute("create index limites_perimees on limites (expire_le)")
    # One entry a window: at most p_nombres[i] of key p_cles[i] in any p_secondes[i] (up to 100), or in the current period of
    # p_secondes[i] (above). All are spent or none is; null, or the seconds after which all would be granted. Rows are locked in
    # one order, so that two callers never wait for each other.
    op.execute(
        """
        create function depenser(p_cles bytea[], p_nombres integer[], p_secondes integer[]) returns double precision
        language plpgsql as $$
        declare
          v_maintenant timestamptz;
          v_reprise timestamptz;
          v_tenues bigint;
          v_voulues bigint := (select count(distinct c) from unnest(p_cles) c);
        begin
          loop
            perform from limites where cle = any (p_cles) order by cle for no key update;
            get diagnostics v_tenues = row_count;
            exit when v_tenues = v_voulues;
            insert into limites (cle) select distinct c from unnest(p_cles) c order by c on conflict (cle) do nothing;
          end loop;
          v_maintenant := horloge();
          select max(case when f.nombre > 100 then l.periode + make_interval(secs => f.secondes)
                          else l.instants[cardinality(l.instants) - f.nombre + 1] + make_interval(secs => f.secondes) end)
            into v_reprise
            from unnest(p_cles, p_nombres, p_secondes) f (cle, nombre, secondes) join limites l using (cle)
           where case when f.nombre > 100
                      then l.nombre >= f.nombre
                           and l.periode = date_bin(make_interval(secs => f.secondes), v_maintenant, 'epoch')
                      else l.instants[cardinality(l.instants) - f.nombre + 1]
                           > v_maintenant - make_interval(secs => f.secondes)
                 end;
          if v_reprise is not null then
            return extract(epoch from v_reprise - v_maintenant);
          end if;
          update limites l
             set instants = case when f.nombre > 100 then '{}'
                            else (l.instants || v_maintenant)[greatest(1, cardinality(l.instants) + 2 - f.nombre):] end,
                 periode = date_bin(make_interval(secs => f.secondes), v_maintenant, 'epoch'),
                 nombre = case when l.periode = date_bin(make_interval(secs => f.secondes), v_maintenant, 'epoch')
                          then l.nombre + 1 else 1 end,
                 expire_le = date_trunc('hour', v_maintenant) + make_interval(hours => 1, secs => f.secondes)
            from (select cle, max(nombre) as nombre, max(secondes) as secondes
                    from unnest(p_cles, p_nombres, p_secondes) u (cle, nombre, secondes) group by cle) f
           where l.cle = f.cle;
          return null;
        end
        $$
        """
    )
    # For the cheap reads in front of which a limit stands: nobody waits for the disk for a count alone.
    op.execute(
        """
        create function depenser_sans_attendre(p_cles bytea[], p_nombres integer[], p_secondes integer[])
        returns double precision language plpgsql as $$
        begin
          perform set_config('synchronous_commit', 'off', true);
          return depenser(p_cles, p_nombres, p_secondes);
        end
        $$
        """
    )


def downgrade() -> None:
    op.execute("drop function depenser_sans_attendre(bytea[], integer[], integer[])")
    op.execute("drop function depenser(bytea[], integer[], integer[])")
    op.execute("drop table limites")
