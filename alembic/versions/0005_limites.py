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
    # p_secondes[i] (above). All are spent or none is; null, or the seconds after which all would be granted.
    # Keys are taken in one order, so that two callers never wait for each other. The clock is read once the row is held.
    # A connection plans once: were the table empty then, it would read it whole for ever after.
    op.execute(
        """
        create function depenser(p_cles bytea[], p_nombres integer[], p_secondes integer[]) returns double precision
        language plpgsql set enable_seqscan = off as $$
        declare
          v record;
          v_prises bytea[] := '{}';
          v_attendre double precision;
        begin
          for v in
            select cle, array_agg(nombre) as nombres, array_agg(secondes) as secondes, max(nombre) as nombre,
                   make_interval(secs => max(secondes)) as duree
              from unnest(p_cles, p_nombres, p_secondes) u (cle, nombre, secondes) group by cle order by cle
          loop
            if v.nombre <= 100 then
              insert into limites as l (cle, instants, expire_le)
              values (v.cle, array[horloge()], date_trunc('hour', horloge()) + v.duree + interval '1 hour')
              on conflict (cle) do update
                set instants = (l.instants || horloge())[greatest(1, cardinality(l.instants) + 2 - v.nombre):],
                    expire_le = excluded.expire_le
                where not exists (
                  select from unnest(v.nombres, v.secondes) f (nombre, secondes)
                   where l.instants[cardinality(l.instants) - f.nombre + 1] > horloge() - make_interval(secs => f.secondes));
            else
              insert into limites as l (cle, periode, nombre, expire_le)
              values (v.cle, date_bin(v.duree, horloge(), 'epoch'), 1,
                      date_trunc('hour', horloge()) + v.duree + interval '1 hour')
              on conflict (cle) do update
                set nombre = case when l.periode = excluded.periode then l.nombre + 1 else 1 end,
                    periode = excluded.periode, expire_le = excluded.expire_le
                where l.periode <> excluded.periode or l.nombre < v.nombre;
            end if;
            if not found then
              -- What this call had already spent is given back: its rows are still held.
              update limites set instants = instants[1 : cardinality(instants) - 1], nombre = greatest(0, nombre - 1)
               where cle = any (v_prises);
              select extract(epoch from max(case
                       when f.nombre <= 100 then l.instants[cardinality(l.instants) - f.nombre + 1]
                       when l.nombre >= f.nombre then l.periode
                     end + make_interval(secs => f.secondes)) - horloge())
                into v_attendre
                from unnest(p_cles, p_nombres, p_secondes) f (cle, nombre, secondes) join limites l using (cle);
              return greatest(v_attendre, 0);
            end if;
            v_prises := v_prises || v.cle;
          end loop;
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
